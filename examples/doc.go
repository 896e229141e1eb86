// Package examples shows weir behind the usual Go routers. It is a module of its own, so that nobody who embeds weir gets them.
package examples
