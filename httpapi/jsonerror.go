package httpapi

// The refusals of the JSON parser, in the words of the API.

import (
	"errors"
	"fmt"
	"strings"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
)

// at gives an error of the words the place of the value it is about.
func at(pointer string, err error) error {
	var e *usage.Error
	if errors.As(err, &e) {
		return refuse(e.Code, pointer+e.Pointer, e.Detail)
	}
	return err
}

// codeOf is the code of each kind of refused text.
var codeOf = map[strictjson.Kind]usage.ErrorCode{
	strictjson.Malformed:    usage.CodeMalformedJSON,
	strictjson.DuplicateKey: usage.CodeDuplicateKey,
	strictjson.InvalidUTF8:  usage.CodeInvalidUTF8,
	strictjson.UnknownField: usage.CodeUnknownField,
	strictjson.WrongType:    usage.CodeWrongType,
	strictjson.TooLarge:     usage.CodeTooLarge,
}

// pointerBytesMax bounds the pointer of an error. A name is 390 bytes of it at most.
const pointerBytesMax = 512

// boundPointer cuts a long pointer, as of a thousand nested arrays, to that of a value further out.
func boundPointer(pointer string) string {
	if len(pointer) <= pointerBytesMax {
		return pointer
	}
	return pointer[:strings.LastIndexByte(pointer[:pointerBytesMax+1], '/')]
}

// jsonError says why a text was refused, in the words of the API.
func jsonError(err error) *usage.Error {
	e := refusalOf(err)
	if len(e.Pointer) > pointerBytesMax {
		return refuse(e.Code, boundPointer(e.Pointer), e.Detail)
	}
	return e
}

func refusalOf(err error) *usage.Error {
	var text *strictjson.Error
	var words *usage.Error
	switch {
	case errors.As(err, &text):
		if errors.As(err, &words) { // a type's own method refused the value
			return refuse(words.Code, text.Pointer+words.Pointer, words.Detail)
		}
		detail := text.Detail
		if text.Kind == strictjson.Malformed || text.Kind == strictjson.InvalidUTF8 {
			detail = fmt.Sprintf("%s (at byte %d)", detail, text.Offset)
		}
		return refuse(codeOf[text.Kind], text.Pointer, detail)
	case errors.As(err, &words):
		return words
	}
	return refuse(codeInternal, "", "internal error")
}
