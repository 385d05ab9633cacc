package tofu

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

// Installation says where providers come from.
type Installation struct {
	// Mirror is where they come from and from nowhere else: a directory of
	// unpacked providers, absolute, or the https URL of a network mirror. ""
	// stands for their registries.
	Mirror string
	// Plugins is a directory of unpacked providers to look into as well, so that
	// what is there is not downloaded; "" is none.
	Plugins string
}

// Downloads tells whether providers come over the network, and are unpacked into
// the working directory.
func (i Installation) Downloads() bool { return i.Mirror == "" || isURL(i.Mirror) }

func isURL(mirror string) bool { return strings.Contains(mirror, "://") }

// Validate says what is wrong with the mirror.
func (i Installation) Validate() error {
	switch {
	case i.Mirror == "" || filepath.IsAbs(i.Mirror):
		return nil
	case !isURL(i.Mirror):
		return fmt.Errorf("%q must be an absolute path or an https URL", i.Mirror)
	}
	address, err := url.Parse(i.Mirror)
	switch {
	case err != nil: // it is not shown: it may hold anything
		return errors.New("it is no https URL, and OpenTofu takes no other network mirror")
	case address.User != nil:
		return errors.New("its https URL must hold no credentials: it is an argument of programs, which everybody can read")
	case address.Scheme != "https" || address.Host == "":
		return fmt.Errorf("%q is no https URL, and OpenTofu takes no other network mirror", i.Mirror)
	}
	return nil
}

// CLIConfig is the content of OpenTofu's CLI configuration file.
func (i Installation) CLIConfig() string {
	const common = "disable_checkpoint = true\n"
	var methods []string
	if i.Plugins != "" {
		methods = append(methods, directory(i.Plugins))
	}
	switch {
	case isURL(i.Mirror):
		// Without the slash OpenTofu would take the last element away.
		address := strings.TrimSuffix(i.Mirror, "/") + "/"
		methods = append(methods, fmt.Sprintf("network_mirror {\n    url = %s\n  }", strconv.Quote(address)))
	case i.Mirror != "":
		methods = append(methods, directory(i.Mirror))
	case len(methods) == 0:
		return common
	default:
		methods = append(methods, "direct {\n  }")
	}
	return common + "provider_installation {\n  " + strings.Join(methods, "\n  ") + "\n}\n"
}

func directory(path string) string {
	return fmt.Sprintf("filesystem_mirror {\n    path = %s\n  }", strconv.Quote(path))
}
