package line

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"

	"k8s.io/client-go/tools/clientcmd"
)

// Line carries connections until it is cut.
type Line struct {
	listener net.Listener
	upstream string

	mu   sync.Mutex
	cut  bool
	open []net.Conn
}

// New returns a line to the API server of a kubeconfig, and that kubeconfig as
// somebody at the other end of the line needs it. Close it at the end.
func New(kubeconfig []byte) (*Line, []byte, error) {
	config, err := clientcmd.Load(kubeconfig)
	if err != nil {
		return nil, nil, fmt.Errorf("read the kubeconfig of the line: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("listen for the line: %w", err)
	}
	l := &Line{listener: listener}
	for _, cluster := range config.Clusters {
		server, err := url.Parse(cluster.Server)
		if err != nil {
			return nil, nil, fmt.Errorf("read the address of the API server: %w", err)
		}
		l.upstream = server.Host
		cluster.Server = "https://" + listener.Addr().String()
	}
	ours, err := clientcmd.Write(*config)
	if err != nil {
		return nil, nil, fmt.Errorf("write the kubeconfig of the line: %w", err)
	}
	go l.serve()
	return l, ours, nil
}

// Close ends the line and all that it carries.
func (l *Line) Close() error {
	l.Cut()
	return l.listener.Close()
}

// Cut ends all connections; new ones are dropped until Mend is called.
func (l *Line) Cut() { l.set(true) }

// Mend lets new connections through.
func (l *Line) Mend() { l.set(false) }

func (l *Line) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	for _, conn := range l.open {
		_ = conn.Close()
	}
	l.open = nil
}

func (l *Line) serve() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			return
		}
		go l.carry(conn)
	}
}

func (l *Line) carry(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	server, err := net.Dial("tcp", l.upstream)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	if !l.admit(conn, server) {
		return
	}
	go func() { _, _ = io.Copy(server, conn); _ = server.Close() }()
	_, _ = io.Copy(conn, server)
}

// admit tells whether a connection may begin, and remembers it then.
func (l *Line) admit(ends ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return false
	}
	l.open = append(l.open, ends...)
	return true
}
