package mutants

// planted is one bug: what is replaced, and which tests must find it.
type planted struct {
	name  string
	edits []edit
	pkg   string   // that must fail
	run   string   // its tests; "": the simulator
	args  []string // more flags of them
	quick bool     // one of those that every run of the tests plants
}

// edit replaces a text of a file, which stands there once.
type edit struct{ file, old, new string }

// bugs are the mistakes that would hurt most, and that are easily made.
var bugs = []planted{
	{name: "a block is not synced", quick: true, edits: []edit{
		{"wal/store_log.go", "s.log.ApplyNoSyncWait(y.batch, pebble.Sync)", "s.log.Apply(y.batch, pebble.NoSync)"},
		{"wal/store_log.go", "err := y.batch.SyncWait()", "err := error(nil)"},
	}},
	{name: "answered before it is durable", edits: []edit{
		{"engine/solo.go", "err := e.sync.Wait() // always: it returns the batch to the store", "go e.sync.Wait()\n\t\t\terr := error(nil)"},
	}},
	{name: "no dedup", edits: []edit{
		{"engine/shard.go", "if e := table.find(it.hash); e != nil {", "if e := table.find(it.hash); e != nil && e.payload != it.payload {"},
	}},
	{name: "ids of the checkpoint under way are forgotten", edits: []edit{
		{"engine/shard.go", "[2]*idTable{sh.ids, sh.frozenIDs}", "[2]*idTable{sh.ids, nil}"},
	}},
	{name: "a dedup run counts for blocks before its own", edits: []edit{
		{"engine/shard.go", "return id.Payload, id.Outcome, found && sh.state.past.has(&id, index), err", "return id.Payload, id.Outcome, found, err"},
	}},
	{name: "what is due happens after the items of its block", pkg: "./engine", run: "TestTwoFoldsAgree", edits: []edit{
		{"engine/state.go", "		if err := sh.expire(b); err != nil {\n			return nil, nil, fmt.Errorf(\"apply block %d: %w\", index, err)\n		}\n	}", "	}"},
		{"engine/state.go", "	s.collect()\n	s.learnFacts(b)", "	for _, sh := range s.shards {\n		if err := sh.expire(b); err != nil {\n			return nil, nil, err\n		}\n	}\n	s.collect()\n	s.learnFacts(b)"},
	}},
	{name: "one unit beyond the limit", quick: true, edits: []edit{
		{"quota/judge.go", "case u > p.Cap:", "case u > p.Cap+1:"},
	}},
	{name: "a wall clock in apply", edits: []edit{
		{"engine/shard.go", "\tat := b.nanos\n\tif it.HasTime {\n\t\tat = it.TimeNanos\n\t}\n\tif err := sh.judge", "\tat := time.Now().UnixNano()\n\tif it.HasTime {\n\t\tat = it.TimeNanos\n\t}\n\tif err := sh.judge"},
		{"engine/shard.go", "import (\n", "import (\n\t\"time\"\n"},
	}},
	{name: "map order in a row", edits: []edit{
		{"engine/rows.go", "slices.SortFunc(out.Zones, func(a, b zoneEntry) int { return strings.Compare(a.Name, b.Name) })", ""},
	}},
	{name: "the applied index is not of the rows beside it", edits: []edit{
		{"engine/checkpoint.go", "wal.Meta{Index: k.index,", "wal.Meta{Index: max(k.index-1, 1),"},
	}},
	{name: "a checkpoint before the log is durable", pkg: "./wal", run: "TestStoreCommitMakesLogDurable", edits: []edit{
		{"wal/checkpoint.go", "if meta.Index > s.durable.Load() {", "if false {"},
	}},
	{name: "crossings are not saved", pkg: "./engine", run: "TestThresholds|TestQuotaOperationsFold", edits: []edit{
		{"engine/checkpoint.go", "append(s.audits.cutRows(), s.outbox.cutRows()...)", "s.audits.cutRows()"},
	}},
	{name: "a duplicate is answered before its first copy is durable", pkg: "./engine", run: "TestDuplicateNeverOutrunsTheDisk", edits: []edit{
		{"engine/solo.go", "		l.acking <- e\n", `		if len(e.results) > 0 && e.results[0].verdict == duplicate {
			close(e.done)
			go e.sync.Wait()
			continue
		}
		l.acking <- e
`},
		{"engine/committer.go", "	for f := range c.futures {\n", "	for f := range c.futures {\n		go func() {\n"},
		{"engine/committer.go", "			default: // told already\n			}\n		}\n	}\n", "			default: // told already\n			}\n		}\n		}()\n	}\n"},
	}},
	{name: "sums wrap", pkg: "./engine", run: "TestOverflow", edits: []edit{
		{"engine/contribution.go", "return sum >= bound || c.abs >= bound || v >= bound || v <= -bound", "return sum == 1<<63"},
	}},
	{name: "every day has 24 hours", pkg: "./internal/civil", run: "TestTable", args: []string{"-rapid.nofailfile"}, edits: []edit{
		{"internal/civil/table.go", "	return start, end\n}\n\n// firstOf", "	if kind == Day {\n\t\tend = start + secondsPerDay\n\t}\n\treturn start, end\n}\n\n// firstOf"},
	}},
	{name: "an expired hold keeps its units", edits: []edit{
		{"engine/holds.go", "	sh.unreserve(&due, h, allOf)\n	sh.closeHold(h, holdExpired)", "	sh.closeHold(h, holdExpired)"},
	}},
	{name: "a failed log goes on", pkg: "./wal", run: "TestPoisonOnWALFault", edits: []edit{
		{"wal/poison.go", "if p.cause.CompareAndSwap(nil, e) {", "if e == nil {"},
	}},
	{name: "a late event counts when it arrives", edits: []edit{
		{"engine/shard.go", "	p := rollup.Point{TimeNanos: at}\n", "	p := rollup.Point{TimeNanos: b.nanos}\n"},
	}},
}
