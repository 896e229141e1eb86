package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirhq/weir/usage"
)

// metersCommand lists meters; below it they are read, put and deleted.
func (m *Main) metersCommand() *cobra.Command {
	var f resourceFlags
	var page listing
	list := &cobra.Command{
		Use: "meters", Short: "List, show, put and delete meters", Args: noArgs,
		Example: "  weir meters\n  weir meters put emails --aggregation sum --scale 0 --dimension metadata.region",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return m.call(cmd, &f, http.MethodGet, "/v1/meters"+page.query(url.Values{}), nil, meterTable)
		},
	}
	f.register(list)
	page.register(list)
	list.AddCommand(m.getter("show SLUG", "Show a meter as JSON", func(a []string) string { return pathTo("meters", a[0]) }, "SLUG"), m.meterPut(),
		m.removal("delete SLUG", "Archive a meter: it counts nothing more, its usage stays", func(a []string) string { return pathTo("meters", a[0]) }, "SLUG"))
	return list
}

func meterTable(w io.Writer, answer []byte) error {
	return tableOf("METER\tCOUNTS\tAGGREGATION\tSCALE\tUNIT\tDIMENSIONS", func(w io.Writer, x *usage.Meter) {
		scale := "-"
		if x.Scale != nil {
			scale = fmt.Sprint(*x.Scale)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", x.Slug, x.EventType, x.Aggregation, scale, x.Unit, strings.Join(x.Dimensions, ", "))
	}, "there are no meters")(w, answer)
}

func (m *Main) meterPut() *cobra.Command {
	var f resourceFlags
	var x usage.Meter
	var scale int
	var aggregation, file, filters string
	cmd := &cobra.Command{
		Use: "put SLUG", Short: "Make a meter, or change its name or unit", Args: namedArgs("SLUG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := pathTo("meters", args[0])
			if file != "" {
				text, err := m.readInput(file)
				if err != nil {
					return err
				}
				return m.call(cmd, &f, http.MethodPut, path, text, indented)
			}
			if x.Aggregation = usage.Aggregation(aggregation); aggregation == "" {
				return wrongUsage("say how it counts with --aggregation, such as sum; or give a --file")
			}
			x.Slug = args[0]
			if cmd.Flags().Changed("scale") {
				x.Scale = &scale
			}
			if filters != "" {
				x.Filters = new(usage.Filter)
				if err := json.Unmarshal([]byte(filters), x.Filters); err != nil {
					return wrongUsage("--filters: %w", err)
				}
			}
			return m.call(cmd, &f, http.MethodPut, path, x, indented)
		},
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&file, "file", "", "the meter as JSON, from a file (- for standard input), instead of the flags below")
	flags.StringVar(&aggregation, "aggregation", "", "sum, count, min, max, avg, latest, unique_count, weighted_sum, p50, p90 or p99")
	flags.StringVar(&x.EventType, "event-type", "", "the feature type that it counts, * for all (default: the slug)")
	flags.StringVar(&x.Name, "name", "", "a name for people")
	flags.StringVar(&x.Unit, "unit", "", "the unit, for people")
	flags.IntVar(&scale, "scale", 0, "decimals that are kept, 0 to 9 (default: 0 for counts, else 3)")
	flags.StringVar(&x.ValueProperty, "value-property", "", "where the value is, such as metadata.bytes (default: the quantity)")
	flags.StringVar(&x.UniqueProperty, "unique-property", "", "what unique_count counts (default: user_id)")
	flags.StringVar(&filters, "filters", "", "which events it counts, as JSON")
	flags.StringArrayVar(&x.Dimensions, "dimension", nil, "a property to break usage down by (repeatable)")
	return cmd
}
