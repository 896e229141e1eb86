package main

import (
	"github.com/spf13/cobra"

	"github.com/weirhq/weir/httpapi"
)

// openapiCommand prints what a server answers at /openapi.json, without a server.
func (m *Main) openapiCommand() *cobra.Command {
	return &cobra.Command{
		Use: "openapi", Short: "Print the OpenAPI document of this version", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			text, err := httpapi.OpenAPI(version)
			if err == nil {
				_, err = m.stdout.Write(append(text, '\n'))
			}
			return err
		},
	}
}
