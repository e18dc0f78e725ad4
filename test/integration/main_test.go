package integration

import (
	"flag"
	"os"
	"testing"

	"k8s.io/klog/v2"
)

// TestMain fails the run when a library has logged what it says must not happen, in any test.
func TestMain(m *testing.M) {
	tellPanics()
	log := flag.NewFlagSet("log", flag.PanicOnError)
	klog.InitFlags(log)
	// Each line once, and to no file.
	if err := log.Parse([]string{"-logtostderr=false", "-alsologtostderr=false", "-stderrthreshold=FATAL", "-one_output"}); err != nil {
		panic(err)
	}
	klog.SetOutput(&wronglog)
	code := m.Run()
	klog.Flush()
	if lines := wronglog.lines(); len(lines) > 0 && code == 0 {
		for _, l := range lines {
			os.Stderr.WriteString("logged: " + l)
		}
		code = 1
	}
	os.Exit(code)
}
