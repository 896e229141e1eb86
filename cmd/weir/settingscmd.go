package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"

	"github.com/spf13/cobra"
)

// settingsCommand shows the settings that are in the store; below it they are replaced. Those of the process are of weir config.
func (m *Main) settingsCommand() *cobra.Command {
	show := m.getter("settings", "Show and change the settings of the store", func([]string) string { return "/v1/settings" })
	show.Args = noArgs
	show.Example = "  weir settings\n  weir settings put --default-plan free --unknown-tenants reject\n  weir settings put --file settings.json"
	show.AddCommand(m.settingsPut())
	return show
}

func (m *Main) settingsPut() *cobra.Command {
	var f resourceFlags
	var file, plan, unknown, upgrade string
	cmd := &cobra.Command{
		Use: "put", Short: "Change settings of the store; what is not named stays", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file != "" {
				text, err := m.readInput(file)
				if err != nil {
					return err
				}
				return m.call(cmd, &f, http.MethodPut, "/v1/settings", text, indented)
			}
			changes := make(map[string]json.RawMessage)
			for _, x := range []struct{ flag, field, value string }{
				{"default-plan", "default_plan", plan}, {"unknown-tenants", "unknown_tenants", unknown}, {"upgrade-url", "upgrade_url", upgrade},
			} {
				if !cmd.Flags().Changed(x.flag) {
					continue
				}
				changes[x.field] = json.RawMessage("null")
				if x.value != "" {
					text, err := json.Marshal(x.value)
					if err != nil {
						return err
					}
					changes[x.field] = text
				}
			}
			if len(changes) == 0 {
				return wrongUsage("say what changes: --default-plan, --unknown-tenants, --upgrade-url, or --file with all settings")
			}
			return m.changeSettings(cmd, &f, changes)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&file, "file", "", "all settings as JSON, from a file (- for standard input)")
	cmd.Flags().StringVar(&plan, "default-plan", "", "the plan of tenants that nobody made; empty: none")
	cmd.Flags().StringVar(&unknown, "unknown-tenants", "", "create, or reject")
	cmd.Flags().StringVar(&upgrade, "upgrade-url", "", "where the portal sends who wants more; empty: nowhere")
	return cmd
}

// changeSettings puts the settings as they are now with some of them changed.
func (m *Main) changeSettings(cmd *cobra.Command, f *resourceFlags, changes map[string]json.RawMessage) error {
	c, err := f.open()
	if err != nil {
		return err
	}
	now, err := c.do(cmd.Context(), http.MethodGet, "/v1/settings", "", nil)
	if err != nil {
		return err
	}
	var settings map[string]json.RawMessage
	if err := json.Unmarshal(now, &settings); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	maps.Copy(settings, changes)
	return m.call(cmd, f, http.MethodPut, "/v1/settings", settings, indented)
}
