// Package process starts programs that outlive their starter, and ends them again.
//
// Promise: a program is known on disk from its first instruction on, and only the very process that was recorded is
// ever signalled. A starter that is killed at any moment leaves either no process or a recorded one.
//
// How: the starter runs itself once more in a session of its own. That launcher writes its process id and start time to
// the record and then becomes the program (execve keeps both). Process ids are reused, start times are not, so the pair
// names one process. Until the program takes over, the launcher keeps a file of the starter open; if that file is
// locked, whoever waits for the lock sees the record.
//
// Trade-off: /proc, pidfd and execve make this package Linux only.
package process
