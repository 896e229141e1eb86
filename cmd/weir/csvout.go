package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
)

// writeCSV writes a JSON answer as CSV (RFC 4180): a row for each element of "data" or "results", or one for an answer that is
// no list. Columns are the members in the order in which they first appear; a null is an empty cell, an object or a list is its
// JSON text.
func writeCSV(w io.Writer, answer []byte) error {
	var list struct {
		Data    []json.RawMessage `json:"data"`
		Results []json.RawMessage `json:"results"`
	}
	if err := json.Unmarshal(answer, &list); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	rows := list.Data
	switch {
	case list.Data != nil:
	case list.Results != nil:
		rows = list.Results
	default:
		rows = []json.RawMessage{answer}
	}
	var columns []string
	place := make(map[string]int)
	cells := make([]map[string]string, len(rows))
	for i, row := range rows {
		cells[i] = make(map[string]string)
		err := members(row, func(name string, value json.RawMessage) {
			if _, known := place[name]; !known {
				place[name] = len(columns)
				columns = append(columns, name)
			}
			cells[i][name] = cell(value)
		})
		if err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
	}
	out := csv.NewWriter(w)
	if len(columns) > 0 {
		if err := out.Write(columns); err != nil {
			return err
		}
	}
	record := make([]string, len(columns))
	for _, row := range cells {
		for i, name := range columns {
			record[i] = row[name]
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// members calls f for every member of an object, in its order, which a map would lose.
func members(object json.RawMessage, f func(name string, value json.RawMessage)) error {
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil {
		return err
	} else if t != json.Delim('{') {
		return fmt.Errorf("%.40q is no object", object)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		f(name.(string), value)
	}
	return nil
}

// cell is a value as text. A text that a spreadsheet would take for a formula is led by a quote (OWASP: CSV injection).
func cell(value json.RawMessage) string {
	if string(value) == "null" {
		return ""
	}
	var s string
	if len(value) == 0 || value[0] != '"' || json.Unmarshal(value, &s) != nil {
		return string(value)
	}
	if s != "" && bytes.IndexByte([]byte("=+-@\t\r"), s[0]) >= 0 {
		return "'" + s
	}
	return s
}
