package httpapi

import (
	"fmt"
	"net/http"
	"time"
)

// postBackup streams a backup of the store. When it fails on its way, the connection is cut: the archive then lacks its end, and
// whoever has the first part of it is told so by weir restore.
func (c *call) postBackup() {
	if _, err := c.query(); err != nil {
		c.writeError(err)
		return
	}
	out := &backupWriter{call: c, control: http.NewResponseController(c.w)}
	if _, err := c.eng.Backup(c.r.Context(), out, nil); err != nil {
		if c.status == 0 {
			c.writeError(err)
			return
		}
		c.api.log.Warn("backup was cut off", "request_id", c.requestID, "bytes", c.written, "err", err)
		panic(http.ErrAbortHandler)
	}
}

// backupWriter begins the answer with the first byte, and gives the client time for each part.
type backupWriter struct {
	call    *call
	control *http.ResponseController
}

// Write implements io.Writer.
func (w *backupWriter) Write(p []byte) (int, error) {
	c := w.call
	if c.status == 0 {
		h := c.w.Header()
		h.Set("Content-Type", "application/x-tar")
		h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="weir-%s.tar"`, time.Now().UTC().Format("20060102T150405Z")))
		h.Set("Cache-Control", "no-store")
		c.status = http.StatusOK
		c.w.WriteHeader(http.StatusOK)
	}
	_ = w.control.SetWriteDeadline(time.Now().Add(answerMax)) // tests have writers without deadlines
	n, err := c.w.Write(p)
	c.written += n
	return n, err
}
