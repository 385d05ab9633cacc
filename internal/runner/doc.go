// Package runner carries out one run: it reads the inputs from a Secret, has
// OpenTofu plan and apply (or destroy) them in a directory of its own, keeps
// the state in Kubernetes meanwhile, and leaves outputs in a Secret and a result
// in a file.
//
// It promises:
//
//   - What was judged is what is applied: a plan is written to a file, counted,
//     and that file applied.
//   - A state is never lost. OpenTofu talks only to a backend on loopback that
//     we serve. While the Kubernetes API is away, its write is held and tried
//     again until the grace ends, and lies on disk meanwhile. A state that could
//     not be saved stays in the run's directory, and the lock stays with it,
//     because whoever went on with the older state would make everything twice.
//   - The lock belongs to the run, from before OpenTofu starts until after the
//     outputs are stored, not to single commands: nothing can come between plan
//     and apply. It is a Lease that names the run and never expires by itself. A
//     runner that is started again for the same run goes on with its lock;
//     breaking the lock of a run that is proven dead is the caller's (Unlock).
//   - A run that crashed at any point is mended by the next run of the same
//     inputs: with the state saved and the outputs not, it finds no changes and
//     stores the outputs.
//   - A run that only plans takes no lock and waits for none. It writes nothing but
//     its report, so that it may be killed at any moment.
//   - There is a result, whatever happens, panics included; only when we are
//     killed is there none.
//   - No secret is in the result or in the log: known values, whatever OpenTofu
//     marks sensitive, private keys and tokens are taken out, and what
//     provisioners print is left out altogether, as nothing tells what is in it.
//
// An interrupt (a cancelled context) is passed on to OpenTofu once, which then
// ends in order. When we are killed, OpenTofu finishes what it does and leaves
// its state in the run's directory (StateOnDisk); the run is over when it has.
//
// Files of a run's directory, all for its owner only:
//
//	work/              the module; OpenTofu's working directory or its parent
//	home/              OpenTofu's HOME
//	tofurc             OpenTofu's CLI configuration
//	plan               the plan
//	unsaved.tfstate    a state that is not saved yet
//	reserved           space for the result on a disk that gets full
//	run.log            what happened, for people
//	result.json        the Result
package runner
