package runner

import (
	"io/fs"
	"os"
	"path/filepath"
)

// Files of a run's directory (see the package's documentation).
const (
	workDir        = "work"
	homeDir        = "home"
	cliConfigFile  = "tofurc"
	fetchConfig    = "tofurc-fetch"
	planFile       = "plan"
	unsavedFile    = "unsaved.tfstate"
	reservedFile   = "reserved"
	logFile        = "run.log"
	erroredState   = "errored.tfstate"
	lockFile       = ".terraform.lock.hcl"
	terraformDir   = ".terraform"
	ownPrefix      = "~capt"
	overrideFile   = ownPrefix + "_override.tofu"
	variablesFile  = ownPrefix + "-variables.auto.tfvars.json"
	extraConfig    = "capt-configuration.tf"
	inlineFile     = "main.tf"
	inlineJSONFile = "main.tf.json"
)

// reservedSpace is kept free for the result, in bytes: a module that fills the
// disk must not keep us from saying that its state is not saved.
const reservedSpace = 64 << 10

// StateOnDisk returns the files in a run's directory that hold a state which
// could not be saved: one that OpenTofu left, or one that a dead runner was
// about to save. As long as there are any, the directory must not be removed
// and the lock of the run not be broken. A directory that does not exist has
// none.
func StateOnDisk(dir string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case os.IsNotExist(err):
			return nil
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == terraformDir || path == filepath.Join(dir, homeDir)):
			return fs.SkipDir
		case entry.Name() == erroredState, path == filepath.Join(dir, unsavedFile):
			found = append(found, path)
		}
		return nil
	})
	return found, err
}
