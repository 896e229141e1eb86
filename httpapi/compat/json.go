package compat

import (
	"encoding/json"
	"errors"

	"github.com/weirhq/weir/usage"
)

func refuse(code usage.ErrorCode, pointer, detail string) *usage.Error {
	return &usage.Error{Code: code, Pointer: pointer, Detail: detail}
}

// at gives an error of the words the place of the value it is about.
func at(pointer string, err error) error {
	var e *usage.Error
	if errors.As(err, &e) {
		return refuse(e.Code, pointer, e.Detail)
	}
	return err
}

// appendName writes a member's name.
func appendName(dst []byte, name string) []byte { return append(dst, mustJSON(name)...) }

// mustJSON encodes what always can be.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("BUG: an answer does not marshal: " + err.Error())
	}
	return b
}
