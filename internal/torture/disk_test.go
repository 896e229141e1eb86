//go:build linux

package torture

// The disk: ext4 in a file behind a loop device, which can lose power, and be full.

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"
)

// disk is where the server has its data. Without root it is a directory that neither loses power nor gets full.
type disk struct {
	dir    string // the mount point
	device string // "": a directory
	filler string
}

// newDisk makes a disk below base. why says what it cannot do.
func newDisk(base string, sizeMiB int) (d *disk, why string, err error) {
	d = &disk{dir: filepath.Join(base, "disk")}
	d.filler = filepath.Join(d.dir, "filler")
	if err := os.Mkdir(d.dir, 0o700); err != nil {
		return nil, "", err
	}
	if os.Geteuid() != 0 {
		return d, "not root: the disk neither loses power nor gets full", nil
	}
	image := filepath.Join(base, "disk.img")
	f, err := os.Create(image)
	if err == nil {
		err = errors.Join(f.Truncate(int64(sizeMiB)<<20), f.Close())
	}
	if err != nil {
		return nil, "", err
	}
	if text, err := exec.Command("mkfs.ext4", "-q", "-F", "-m", "0", image).CombinedOutput(); err != nil {
		return d, fmt.Sprintf("mkfs.ext4: %v %s", err, text), nil
	}
	text, err := exec.Command("losetup", "--find", "--show", image).CombinedOutput()
	if err != nil {
		return d, fmt.Sprintf("losetup: %v %s", err, text), nil
	}
	d.device = strings.TrimSpace(string(text))
	if err := d.mount(); err != nil {
		why = fmt.Sprintf("mount: %v", err)
		d.detach()
	}
	return d, why, nil
}

func (d *disk) mount() error { return syscall.Mount(d.device, d.dir, "ext4", 0, "") }

func (d *disk) detach() {
	_ = exec.Command("losetup", "--detach", d.device).Run() // what cannot be given back stays until the machine stops
	d.device = ""
}

// close gives the device back.
func (d *disk) close() {
	if d.device != "" {
		_ = syscall.Unmount(d.dir, syscall.MNT_DETACH) // as above
		d.detach()
	}
}

// The shutdown ioctl of ext4 and XFS (include/uapi/linux/fs.h, EXT4_IOC_SHUTDOWN): the file system stops at once, and with the last
// flag not even its journal is written out.
const (
	ioctlShutdown      = 0x8004587d
	shutdownNoLogFlush = 2
)

// cut cuts the power: from now on nothing reaches the disk.
func (d *disk) cut() error {
	f, err := os.Open(d.dir)
	if err != nil {
		return err
	}
	defer f.Close()
	flags := uint32(shutdownNoLogFlush)
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), ioctlShutdown, uintptr(unsafe.Pointer(&flags))); e != 0 {
		return fmt.Errorf("shutdown of %s: %w", d.dir, e)
	}
	return nil
}

// power mounts a disk again whose power was cut. Nobody may use it.
func (d *disk) power() error {
	if err := syscall.Unmount(d.dir, 0); err != nil {
		return fmt.Errorf("unmount %s: %w", d.dir, err)
	}
	return d.mount()
}

// fill takes all but so many bytes of the free space.
func (d *disk) fill(leave int64) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &st); err != nil {
		return err
	}
	f, err := os.Create(d.filler)
	if err != nil {
		return err
	}
	defer f.Close()
	free := int64(st.Bavail) * st.Bsize
	// The server writes meanwhile, so what was free a moment ago may not be: take what there is, in smaller and smaller parts.
	size := int64(0)
	for part := free - leave; part >= 64<<10; {
		switch err := syscall.Fallocate(int(f.Fd()), 0, size, part); err {
		case nil:
			size += part
			part = 0
			if leave == 0 && syscall.Statfs(d.dir, &st) == nil {
				part = int64(st.Bavail) * st.Bsize
			}
		case syscall.ENOSPC:
			part /= 2
		default:
			return fmt.Errorf("fill %s: %w", d.dir, err)
		}
	}
	return nil
}

// empty gives back what fill took.
func (d *disk) empty() error { return os.Remove(d.filler) }
