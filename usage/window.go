package usage

// Window is the width of the rows of a [Query].
type Window string

// The windows. Minute to month tile the time zone of the query; WindowTotal is the whole range.
const (
	WindowTotal       Window = "total"
	WindowMinute      Window = "minute"
	WindowQuarterHour Window = "15m"
	WindowHour        Window = "hour"
	WindowDay         Window = "day"
	WindowWeek        Window = "week" // ISO: from Monday
	WindowMonth       Window = "month"
	WindowBilling     Window = "billing"
)

// Windows lists every [Window], from the narrowest to the widest.
func Windows() []Window {
	return []Window{WindowMinute, WindowQuarterHour, WindowHour, WindowDay, WindowWeek, WindowMonth,
		WindowBilling, WindowTotal}
}

// ParseWindow reads the name of a window; "" is [WindowTotal]. Another name is an [*Error] of
// [CodeInvalidValue] without a pointer that lists the names.
func ParseWindow(s string) (Window, error) {
	if s == "" {
		return WindowTotal, nil
	}
	names := make([]string, 0, 8)
	for _, w := range Windows() {
		if string(w) == s {
			return w, nil
		}
		names = append(names, string(w))
	}
	return "", &Error{Code: CodeInvalidValue, Detail: "window " + quoted(s) + " is unknown; " + oneOf(s, names)}
}
