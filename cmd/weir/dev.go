package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/httpapi"
)

type devFlags struct {
	data, listen string
	demo         bool
	logs         logFlags
}

func (m *Main) devCommand() *cobra.Command {
	var f devFlags
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Try weir: temporary data, demo traffic, no keys",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return m.dev(cmd.Context(), &f, settingsOf(cmd.Flags()))
		},
	}
	cmd.Flags().StringVar(&f.data, "data", "", "keep the data in this directory (default: a temporary one, deleted at the end)")
	cmd.Flags().StringVar(&f.listen, "listen", listenDefault, "the loopback address to listen on")
	cmd.Flags().BoolVar(&f.demo, "demo", true, "make demo tenants with seven weeks of history and steady traffic")
	f.logs.register(cmd, "warn")
	registerConfig(cmd)
	return cmd
}

func (m *Main) dev(ctx context.Context, f *devFlags, settings []httpapi.Setting) error {
	if err := loopbackOnly(f.listen); err != nil {
		return err
	}
	log, err := m.logger(&f.logs)
	if err != nil {
		return err
	}
	dir := f.data
	if dir == "" {
		if dir, err = os.MkdirTemp("", "weir-dev-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	eng, err := openStore(dir, &engine.Options{Logger: log})
	if err != nil {
		return err
	}
	if f.demo {
		now := time.Now()
		err := makePlans(ctx, eng, now)
		n := 0
		if err == nil {
			n, err = backfill(ctx, eng, now)
		}
		for i := 0; err == nil && i < 3; i++ {
			err = denied(ctx, eng, 7+i)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("make the demo's history: %w", err), eng.Close())
		}
		fmt.Fprintf(m.stdout, "demo: %d events of the last seven weeks, tenants %s\n", n, demoNames())
	}
	traffic, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	err = m.serveEngine(ctx, eng, f.listen, &httpapi.Options{NoAuth: true, Logger: log, Version: version, Settings: settings}, func(addr net.Addr) {
		m.welcome(addr, f.data)
		if f.demo {
			wg.Go(func() { liveTraffic(traffic, eng, log) })
		}
	})
	stop()
	wg.Wait()
	return errors.Join(err, eng.Close())
}

// loopbackOnly refuses to serve without keys where another machine could ask.
func loopbackOnly(listen string) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return wrongUsage("--listen %q must be host:port", listen)
	}
	if host == "localhost" {
		return nil
	}
	if addr, err := netip.ParseAddr(host); err != nil || !addr.IsLoopback() {
		return wrongUsage("weir dev has no keys, so it listens on loopback only, not on %q; use 127.0.0.1, or weir serve", listen)
	}
	return nil
}

// welcome prints lines that can be pasted into a shell.
func (m *Main) welcome(addr net.Addr, data string) {
	base := "http://" + addr.String()
	fmt.Fprintf(m.stdout, `
The dashboard: %[1]s/

Record an event:

  curl -s %[1]s/v1/events -H 'Content-Type: application/json' -d '{"id":"first-event","tenant_id":"acme","user_id":"alice","feature_type":"api_calls"}'

See what it did (run the first line again: it counts once):

  curl -s '%[1]s/v1/usage?meter=api_calls&tenant_id=acme&window=day'

Ask before you count, and see what is left:

  curl -s %[1]s/v1/consume -H 'Content-Type: application/json' -d '{"tenant_id":"globex","feature_type":"api_calls","quantity":5}'

`, base)
	if data == "" {
		fmt.Fprintln(m.stdout, "The data is temporary; --data DIR keeps it. Ctrl-C stops.")
	} else {
		fmt.Fprintf(m.stdout, "The data is kept in %s. Ctrl-C stops.\n", data)
	}
}
