package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/httpapi"
	"github.com/weirhq/weir/httpapi/ui"
)

const listenDefault = "127.0.0.1:7070"

type serveFlags struct {
	data, listen            string
	acceptClock, autoMeters bool
	tlsCert, tlsKey         string
	insecure                bool
	tenantRate, connections int
	portalFrames            []string
	memoryMiB               int64
	drainDelay              time.Duration
	logs                    logFlags
}

func (m *Main) serveCommand() *cobra.Command { return m.serveCommandOf(new(serveFlags)) }

// serveCommandOf is the command with its flags in f, for who only looks at them.
func (m *Main) serveCommandOf(f *serveFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve --data DIR",
		Short: "Run the server",
		Long: "Run the server on a data directory, which is made when it does not exist.\n" +
			"The first start prints an admin key and writes it to DIR/admin.key.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return m.serve(cmd.Context(), f, settingsOf(cmd.Flags()))
		},
	}
	cmd.Flags().StringVar(&f.data, "data", "", "the data directory")
	cmd.Flags().StringVar(&f.listen, "listen", listenDefault, "the address to listen on")
	cmd.Flags().BoolVar(&f.acceptClock, "accept-clock", false, "accept a wall clock that disagrees with the log")
	cmd.Flags().BoolVar(&f.autoMeters, "auto-meters", false, "make a sum meter for an unknown feature instead of refusing its events")
	cmd.Flags().StringVar(&f.tlsCert, "tls-cert", "", "the certificate, a PEM file; read again when it changes")
	cmd.Flags().StringVar(&f.tlsKey, "tls-key", "", "the key of the certificate, a PEM file")
	cmd.Flags().BoolVar(&f.insecure, "insecure", false, "listen beyond this machine without TLS")
	cmd.Flags().IntVar(&f.tenantRate, "tenant-rate", 0, "events and decisions a second taken from one tenant, to protect the others (0: no bound)")
	cmd.Flags().IntVar(&f.connections, "connections", 0, "connections at once (0: 8192)")
	cmd.Flags().StringSliceVar(&f.portalFrames, "portal-frame", nil, "an origin, as https://app.example.com, that may show the portal in a frame; repeat it for more")
	cmd.Flags().Int64Var(&f.memoryMiB, "memory-max", 0, "MiB of live memory beyond which usage and decisions are refused (0: no bound)")
	cmd.Flags().DurationVar(&f.drainDelay, "drain-delay", 0, "how long /readyz says no before a stop begins, for load balancers")
	f.logs.register(cmd, "info")
	registerConfig(cmd)
	return cmd
}

func (m *Main) serve(ctx context.Context, f *serveFlags, settings []httpapi.Setting) error {
	api, err := m.checkServe(f)
	if err != nil {
		return err
	}
	api.Settings = settings
	if err := os.MkdirAll(f.data, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	eng, err := openStore(f.data, &engine.Options{
		AcceptClock: f.acceptClock, AutoMeters: f.autoMeters, Logger: api.Logger, LiveBytesMax: f.memoryMiB << 20,
	})
	if err != nil {
		return err
	}
	// The key is made after the store: a directory that cannot be opened stays as it was.
	key, made, err := adminKey(f.data)
	if err == nil && made {
		fmt.Fprintf(m.stdout, "admin key: %s\nIt is shown once, and kept in %s.\n", key, filepath.Join(f.data, keyFile))
	}
	if err == nil {
		err = admitAdminKey(ctx, eng, key, api.Logger)
	}
	if err == nil {
		err = m.serveEngine(ctx, eng, f.listen, api, nil)
	}
	return errors.Join(err, eng.Close())
}

// checkServe finds what is wrong with the settings, all of it before anything is made or opened. It answers the options of the API.
func (m *Main) checkServe(f *serveFlags) (*httpapi.Options, error) {
	if f.data == "" {
		return nil, wrongUsage("give a data directory: weir serve --data DIR (to only try weir: weir dev)")
	}
	if f.memoryMiB < 0 || f.memoryMiB > math.MaxInt64>>20 {
		return nil, wrongUsage("--memory-max %d must be a number of MiB; 0 for no bound", f.memoryMiB)
	}
	log, err := m.logger(&f.logs)
	if err != nil {
		return nil, err
	}
	return f.api(log)
}

// api are the options of the API.
func (f *serveFlags) api(log *slog.Logger) (*httpapi.Options, error) {
	o := &httpapi.Options{Logger: log, Version: version, TenantRate: f.tenantRate, ConnectionsMax: f.connections, PortalFrames: f.portalFrames, DrainDelay: f.drainDelay}
	if (f.tlsCert == "") != (f.tlsKey == "") {
		return nil, wrongUsage("give both --tls-cert and --tls-key")
	}
	if err := mayListen(f.listen, f.tlsCert != "", f.insecure); err != nil {
		return nil, err
	}
	if err := o.Validate(); err != nil {
		return nil, usageError{err}
	}
	if err := (&ui.Options{PortalFrames: f.portalFrames}).Validate(); err != nil {
		return nil, wrongUsage("--portal-frame: %w", err)
	}
	if f.tlsCert != "" {
		cert, err := newCertificate(f.tlsCert, f.tlsKey, log)
		if err != nil {
			return nil, usageError{err}
		}
		o.TLS = cert.config()
	}
	return o, nil
}

// serveEngine listens and serves until ctx ends. ready is called with the address once
// connections are taken; it may be nil.
func (m *Main) serveEngine(ctx context.Context, eng *engine.Engine, listen string, o *httpapi.Options, ready func(net.Addr)) error {
	if m.getenv("GOGC") == "" { // else the operator has decided
		tuning, stop := context.WithCancel(ctx)
		defer stop()
		go tuneCollector(tuning)
	}
	api, err := httpapi.New(eng, o)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen on %s: the address is in use; stop the other program, or choose another with --listen", listen)
	}
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	scheme := "http"
	if o.TLS != nil {
		scheme = "https"
	}
	fmt.Fprintf(m.stdout, "weir listens on %s://%s\n", scheme, l.Addr())
	if ready != nil {
		ready(l.Addr())
	}
	err = api.Serve(ctx, l)
	if ctx.Err() != nil {
		fmt.Fprintln(m.stderr, "weir: stopped")
	}
	return err
}
