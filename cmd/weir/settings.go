package main

// Settings: every setting is a flag. Its default is overruled by a configuration file, that by a variable of the environment,
// and that by the flag itself on the command line.

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/weirhq/weir/usage"
)

// configFlag names the file of a command that takes one.
const configFlag = "config"

func registerConfig(cmd *cobra.Command) {
	cmd.Flags().String(configFlag, "", "a YAML file of settings: the flags' names, with _ or - between words")
}

// Where the value of a flag comes from.
const (
	fromDefault = "default"
	fromFlag    = "command line"
	originKey   = "origin" // annotation of a flag that a file or a variable has set
)

// settle gives every flag that was not on the command line the value of its variable, else that of the file.
func (m *Main) settle(cmd *cobra.Command) error {
	if err := m.environment(cmd); err != nil {
		return err
	}
	file := cmd.Flags().Lookup(configFlag)
	if file == nil || file.Value.String() == "" {
		return nil
	}
	return readConfig(cmd.Flags(), file.Value.String())
}

// environment applies the variables WEIR_*. One that is no flag of any command is an error.
func (m *Main) environment(cmd *cobra.Command) error {
	names := allVariables(cmd.Root())
	for _, entry := range m.Environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "WEIR_") {
			continue
		}
		if !names[name] {
			return wrongUsage("the environment variable %s is no setting%s", name, usage.DidYouMean(name, slices.Sorted(maps.Keys(names))))
		}
		if err := setFlag(cmd.Flags(), flagOf(name), value, "variable "+name); err != nil {
			return wrongUsage("the environment variable %s=%q: %w", name, value, err)
		}
	}
	return nil
}

// allVariables are the variables of all flags of all commands.
func allVariables(cmd *cobra.Command) map[string]bool {
	names := make(map[string]bool)
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names[variable(f.Name)] = true })
	for _, c := range cmd.Commands() {
		maps.Copy(names, allVariables(c))
	}
	return names
}

// setFlag sets a flag unless something that goes before has set it. A flag that the command lacks is left alone.
func setFlag(flags *pflag.FlagSet, name, value, origin string) error {
	flag := flags.Lookup(name)
	if flag == nil || flag.Changed {
		return nil
	}
	if err := flags.Set(name, value); err != nil {
		return err
	}
	return flags.SetAnnotation(name, originKey, []string{origin})
}

// origin says where the value of a flag comes from.
func origin(f *pflag.Flag) string {
	if from := f.Annotations[originKey]; len(from) > 0 {
		return from[0]
	}
	if f.Changed {
		return fromFlag
	}
	return fromDefault
}

// readConfig applies a file of settings. A key that is no flag of the command is an error: a misspelt setting that is ignored is
// a server that runs otherwise than its operator thinks.
func readConfig(flags *pflag.FlagSet, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return wrongUsage("read the configuration: %w", err)
	}
	var root, second yaml.Node
	in := yaml.NewDecoder(bytes.NewReader(text))
	err = in.Decode(&root)
	if err == io.EOF || err == nil && len(root.Content) == 0 {
		return nil // an empty file
	}
	if err == nil {
		if err = in.Decode(&second); err == nil {
			return wrongUsage("%s:%d: a second document; settings are one", path, second.Line)
		}
	}
	if err != io.EOF {
		return wrongUsage("%s: %w", path, err)
	}
	c := &configFile{flags: flags, path: path, lines: make(map[string]int)}
	return c.apply("", root.Content[0])
}

// configFile is a file of settings that is applied to flags.
type configFile struct {
	flags *pflag.FlagSet
	path  string
	lines map[string]int // where each setting was given
}

// apply applies a mapping. A mapping below a key is the same as its keys with that key before them: tls: {cert: x} is tls-cert: x.
func (c *configFile) apply(prefix string, node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return wrongUsage("%s:%d: settings are a mapping, name: value", c.path, node.Line)
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		name := prefix + strings.ReplaceAll(key.Value, "_", "-")
		var err error
		switch value.Kind {
		case yaml.MappingNode:
			err = c.apply(name+"-", value)
		case yaml.ScalarNode:
			err = c.set(name, key.Line, value)
		case yaml.SequenceNode: // of a flag that may be given several times
			err = c.set(name, key.Line, value.Content...)
		default:
			err = wrongUsage("%s:%d: %s must be a text, a number, true or false", c.path, key.Line, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// set gives a flag its values, unless it was set by what goes before a file.
func (c *configFile) set(name string, line int, values ...*yaml.Node) error {
	if err := c.known(name, line); err != nil {
		return err
	}
	if first := c.lines[name]; first != 0 {
		return wrongUsage("%s:%d: %s is given twice, first in line %d", c.path, line, name, first)
	}
	c.lines[name] = line
	before := c.flags.Lookup(name).Changed
	for _, value := range values {
		if value.Kind != yaml.ScalarNode || value.Tag == "!!null" {
			return wrongUsage("%s:%d: %s has no value that is a text, a number, true or false; leave it out for its default", c.path, line, name)
		}
		if before {
			continue
		}
		if err := c.flags.Set(name, value.Value); err != nil {
			return wrongUsage("%s:%d: %w", c.path, line, err)
		}
		if err := c.flags.SetAnnotation(name, originKey, []string{fmt.Sprintf("%s:%d", c.path, line)}); err != nil {
			return err
		}
	}
	return nil
}

// known refuses a key that is no setting of a server.
func (c *configFile) known(name string, line int) error {
	if c.flags.Lookup(name) != nil && name != configFlag && name != "help" && name != "output" { // the last is of weir config alone
		return nil
	}
	var names []string
	c.flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return wrongUsage("%s:%d: %s is no setting%s", c.path, line, name, usage.DidYouMean(name, names))
}

func variable(flag string) string {
	return "WEIR_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func flagOf(variable string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(variable, "WEIR_")), "_", "-")
}
