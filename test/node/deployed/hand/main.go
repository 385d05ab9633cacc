// Command hand works for the modules of the tests, in the pods of runs:
//
//	hand make URL      asks the site whether something may be made, and makes it
//	hand destroy URL   destroys it
//	hand pry URL       tries to get at Secrets with the token of the pod, and
//	                   tells the site what became of that; the names are in SECRETS
//	hand write FILE    writes a file
//	hand fill FILE     writes a file of 200 MiB, and waits for the end
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: hand make|destroy|pry URL, or hand write|fill FILE")
		os.Exit(2)
	}
	verbs := map[string]func(string) error{"make": build, "destroy": destroy, "pry": pry, "write": write, "fill": fill}
	if err := verbs[os.Args[1]](os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// build makes a thing after it was allowed to: if it is killed while it waits,
// nothing was made.
func build(url string) error {
	if err := call(http.MethodGet, url, ""); err != nil {
		return err
	}
	return call(http.MethodPut, url, "")
}

func destroy(url string) error { return call(http.MethodDelete, url, "") }

// pry tells the site a line for each try, with the API server's reason.
func pry(url string) error {
	config, err := rest.InClusterConfig()
	if err != nil {
		return fmt.Errorf("find the API server: %w", err)
	}
	api, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	ctx, secrets := context.Background(), api.CoreV1().Secrets(os.Getenv("NAMESPACE"))
	var tries []string
	tried := func(what string, err error) {
		tries = append(tries, what+": "+string(apierrors.ReasonForError(err)))
	}
	for _, name := range strings.Fields(os.Getenv("SECRETS")) {
		_, err := secrets.Get(ctx, name, metav1.GetOptions{})
		tried("get "+name, err)
	}
	_, err = secrets.List(ctx, metav1.ListOptions{})
	tried("list", err)
	_, err = secrets.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "pried"}}, metav1.CreateOptions{})
	tried("create", err)
	return call(http.MethodPut, url, strings.Join(tries, "\n"))
}

func write(file string) error { return os.WriteFile(file, []byte("x"), 0o600) }

func fill(file string) error {
	to, err := os.Create(file)
	if err != nil {
		return err
	}
	for range 200 {
		if _, err := to.Write(make([]byte, 1<<20)); err != nil {
			return err
		}
	}
	return syscall.Pause() // without cgo, Go calls a select of nothing a deadlock
}

// call asks the site.
func call(method, url, body string) error {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, url, response.Status)
	}
	return nil
}
