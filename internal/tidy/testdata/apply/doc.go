// Package apply is a bad example: what apply code must not do, each line with what is expected.
package apply
