// Command testprogram is what runs in test containers. Its first argument says what it does.
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		os.Args = append(os.Args, "pause")
	}
	args := os.Args[2:]
	switch os.Args[1] {
	case "pause":
		wait(0)
	case "exit": // exit CODE [TEXT]: writes TEXT and ends
		if len(args) > 1 {
			fmt.Println(args[1])
		}
		os.Exit(number(args[0]))
	case "message": // message CODE TEXT: leaves a termination message
		check(os.WriteFile("/dev/termination-log", []byte(args[1]), 0o644))
		os.Exit(number(args[0]))
	case "sleep": // sleep SECONDS CODE
		select {
		case <-stop():
		case <-time.After(time.Duration(number(args[0])) * time.Second):
		}
		os.Exit(number(args[1]))
	case "stubborn": // ignores SIGTERM
		signal.Ignore(syscall.SIGTERM)
		<-time.After(time.Hour)
	case "log": // log TEXT: writes a line, then waits; a second line when told to stop
		fmt.Println(args[0])
		wait(0)
	case "write": // write PATH TEXT
		check(os.WriteFile(args[0], []byte(args[1]), 0o644))
	case "touch-and-wait": // touch-and-wait PATH
		check(os.WriteFile(args[0], nil, 0o644))
		wait(0)
	case "append": // append PATH TEXT
		f, err := os.OpenFile(args[0], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		check(err)
		_, err = f.WriteString(args[1] + "\n")
		check(err)
		check(f.Close())
	case "exists": // exists PATH: fails if it is not there
		_, err := os.Stat(args[0])
		check(err)
	case "remove":
		check(os.Remove(args[0]))
	case "cat":
		for _, path := range args {
			f, err := os.Open(path)
			check(err)
			_, err = io.Copy(os.Stdout, f)
			check(err)
		}
	case "digest": // digest: says how many bytes come on stdin, and their SHA-256
		sum := sha256.New()
		n, err := io.Copy(sum, os.Stdin)
		check(err)
		fmt.Printf("%d %x\n", n, sum.Sum(nil))
	case "keep": // keep PATH: closes its output, then writes what comes on stdin to the file
		check(os.Stdout.Close())
		check(os.Stderr.Close())
		<-time.After(100 * time.Millisecond)
		f, err := os.Create(args[0])
		check(err)
		_, err = io.Copy(f, os.Stdin)
		check(err)
		check(f.Close())
	case "echo": // echo: gives back what comes on stdin
		_, err := io.Copy(os.Stdout, os.Stdin)
		check(err)
	case "env":
		fmt.Println(strings.Join(os.Environ(), "\n"))
	case "id":
		groups, err := os.Getgroups()
		check(err)
		fmt.Println(os.Getuid(), os.Getgid(), groups)
	case "serve": // serve PORT: 200 on every path while /ok exists, else 500
		http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			if _, err := os.Stat("/tmp/ok"); err != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		})
		go func() { check(http.ListenAndServe(":"+args[0], nil)) }()
		wait(0)
	default:
		fmt.Fprintln(os.Stderr, "unknown action", os.Args[1])
		os.Exit(2)
	}
}

func stop() <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGINT)
	return c
}

func wait(code int) {
	<-stop()
	fmt.Println("stopping")
	os.Exit(code)
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	check(err)
	return n
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
