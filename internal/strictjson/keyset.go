package strictjson

// keySet holds the member names of the objects that a [Parser] is inside of, to find one that
// comes twice. Small objects are searched by comparing hashes. From indexedMin names on, an
// object's names are also in a map, so that a hostile object of a million names costs no more a
// name than a small one.
//
// list is the truth. An entry of the map is a hint that may be stale (its object was closed, or
// the parser was rewound): a name is there twice only if the list says so, and a name in the
// list of an indexed object always has an entry under its id, its own or that of a name with
// the same id.
type keySet struct {
	list  []keyEntry
	index map[uint64]struct{} // ids: see id
}

// keyEntry is a member name: its hash, and where it stands between its quotes.
type keyEntry struct {
	hash       uint64
	start, end int
	escaped    bool
}

// indexedMin is where searching 32 hashes costs more than a look into a map.
const indexedMin = 32

// indexKept is the greatest map that is kept for the next text: a few hundred kilobytes.
const indexKept = 1 << 14

func (k *keySet) reset() {
	k.list = k.list[:0]
	if len(k.index) > indexKept {
		k.index = nil
	} else if len(k.index) > 0 {
		clear(k.index)
	}
	if cap(k.list) > indexKept {
		k.list = nil
	}
}

// add appends e, whose unescaped name is given, to the object whose names start at base. It
// returns false, having changed nothing, when the object has that name already. serial is a
// number that no other object of the text has.
func (k *keySet) add(src []byte, base int, serial uint64, e keyEntry, name []byte) bool {
	count := len(k.list) - base
	if count < indexedMin {
		if k.has(src, base, e.hash, name) {
			return false
		}
		k.list = append(k.list, e)
		return true
	}
	if count == indexedMin {
		if k.index == nil {
			k.index = make(map[uint64]struct{})
		}
		for i := range k.list[base:] {
			k.index[id(k.list[base+i].hash, serial)] = struct{}{}
		}
	}
	at := id(e.hash, serial)
	if _, hint := k.index[at]; hint && k.has(src, base, e.hash, name) {
		return false
	}
	k.index[at] = struct{}{}
	k.list = append(k.list, e)
	return true
}

// id tells the same name in two objects apart: for one hash it differs for every serial.
func id(hash, serial uint64) uint64 { return hash + serial*saltObject }

// has searches the list from base on.
func (k *keySet) has(src []byte, base int, hash uint64, name []byte) bool {
	for i := range k.list[base:] {
		e := &k.list[base+i]
		if e.hash != hash {
			continue
		}
		other := src[e.start:e.end]
		if e.escaped {
			other = appendUnescaped(nil, other) // two equal hashes: this ends in an error anyway
		}
		if string(other) == string(name) {
			return true
		}
	}
	return false
}
