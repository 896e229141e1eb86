package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/httpapi/client"
	"github.com/weirhq/weir/usage"
)

// clientFlags say which server to talk to, and as whom.
type clientFlags struct {
	server, key, data string
	once              bool // what is asked for has no id, and is not tried again: it could be done twice
}

func (f *clientFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.server, "server", "http://"+listenDefault, "the server's address")
	cmd.Flags().StringVar(&f.key, "key", "", "the API key (better: the variable WEIR_KEY)")
	cmd.Flags().StringVar(&f.data, "data", "", "the server's data directory on this machine, to read its admin.key")
}

// remote is the weir that a command talks to. Whatever is sent may be sent twice, unless the flags say once: events carry ids.
type remote struct {
	address string
	client  *client.Client
	once    bool
}

const (
	// attemptsMax with the client's waits is about 13 s. A server that restarts is back by then.
	attemptsMax = 14
	// requestTimeout is of one try. A page of usage that is computed takes seconds.
	requestTimeout = 60 * time.Second
)

func (f *clientFlags) open() (*remote, error) {
	o := client.Options{Key: f.key, Timeout: requestTimeout, Attempts: attemptsMax, UserAgent: "weir/" + version, GiveUp: nobodyListens}
	if f.once {
		o.Attempts = 1
	}
	if _, err := client.New(f.server, nil); err != nil {
		return nil, wrongUsage("--server %q must look like http://127.0.0.1:7070", f.server)
	}
	if o.Key == "" && f.data != "" {
		var err error
		if o.Key, err = readKey(f.data); err != nil {
			return nil, fmt.Errorf("read the key: %w", err)
		}
	}
	c, err := client.New(f.server, &o)
	return &remote{f.server, c, f.once}, err
}

// nobodyListens: a wait rarely helps, a hint does.
func nobodyListens(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// do sends one request and answers the body of a 2xx, or of a batch that lists what was refused.
func (r *remote) do(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	answer, err := r.client.Send(ctx, method, path, contentType, body)
	return answer, r.explained(err)
}

// backup copies a backup of the server, of any length.
func (r *remote) backup(ctx context.Context, to io.Writer) error {
	return r.explained(r.client.Backup(ctx, to))
}

// explained says an error in one line, with what to do next.
func (r *remote) explained(err error) error {
	if nobodyListens(err) {
		return fmt.Errorf("nothing answers at %s; start weir serve or weir dev, or name the server with --server", r.address)
	}
	var e *usage.Error
	if !errors.As(err, &e) {
		return err
	}
	text := string(e.Code)
	if e.Pointer != "" {
		text += " at " + e.Pointer
	}
	text += ": " + e.Detail
	switch {
	case r.once && e.Code == usage.CodeOutcomeUnknown:
		text += " (there is no id here: see with weir keys list whether it is done)"
	case e.Code == usage.CodeUnauthorized:
		text += " (give the key with WEIR_KEY, --key, or --data DIR on the server's machine)"
	case slices.Contains(unready, e.Code):
		text += " (GET /readyz says what is wrong)"
	}
	return errors.New(text)
}

// unready are the codes of a server that does not take what is sent, whoever sends it.
var unready = []usage.ErrorCode{usage.CodeOverloaded, usage.CodeOutcomeUnknown, usage.CodeClock, usage.CodeMemoryLimit, usage.CodeDraining, usage.CodeFailed}
