package clusterauth

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/util/cert"
)

// Info is what a server trusts. Fields that are empty are not published.
type Info struct {
	ClientCA []byte // PEM
	// Of front proxies:
	ProxyCA                                                        []byte // PEM
	UsernameHeaders, UIDHeaders, GroupHeaders, ExtraHeaderPrefixes []string
	AllowedNames                                                   []string // any name if empty
}

// Keys of the ConfigMap, which aggregated API servers read (k8s.io/apiserver, DelegatingAuthenticationOptions).
const (
	clientCAKey     = "client-ca-file"
	proxyCAKey      = "requestheader-client-ca-file"
	usernameKey     = "requestheader-username-headers"
	uidKey          = "requestheader-uid-headers"
	groupKey        = "requestheader-group-headers"
	extraKey        = "requestheader-extra-headers-prefix"
	allowedNamesKey = "requestheader-allowed-names"
)

// merge returns the ConfigMap's content with our own part in it: what others have put there stays.
func merge(old map[string]string, own Info, now time.Time) (map[string]string, error) {
	out := map[string]string{}
	for k, v := range old {
		out[k] = v
	}
	if err := mergeBundle(out, clientCAKey, own.ClientCA, now); err != nil {
		return nil, err
	}
	if len(own.ProxyCA) == 0 {
		return out, nil
	}
	first := out[proxyCAKey] == ""
	if err := mergeBundle(out, proxyCAKey, own.ProxyCA, now); err != nil {
		return nil, err
	}
	for key, list := range map[string][]string{usernameKey: own.UsernameHeaders, uidKey: own.UIDHeaders, groupKey: own.GroupHeaders, extraKey: own.ExtraHeaderPrefixes} {
		if err := mergeList(out, key, list); err != nil {
			return nil, err
		}
	}
	return out, mergeNames(out, own.AllowedNames, first)
}

// mergeBundle adds certificates to a bundle.
func mergeBundle(data map[string]string, key string, own []byte, now time.Time) error {
	if len(own) == 0 {
		return nil
	}
	var all []*x509.Certificate
	for _, bundle := range [][]byte{[]byte(data[key]), own} {
		if len(bytes.TrimSpace(bundle)) == 0 {
			continue
		}
		certificates, err := cert.ParseCertsPEM(bundle)
		if err != nil {
			return fmt.Errorf("parse certificates of %s: %w", key, err)
		}
		all = append(all, certificates...)
	}
	var out strings.Builder
	var seen []*x509.Certificate
	for _, c := range all {
		if now.After(c.NotAfter) || slices.ContainsFunc(seen, c.Equal) {
			continue
		}
		seen = append(seen, c)
		out.Write(pem.EncodeToMemory(&pem.Block{Type: cert.CertificateBlockType, Bytes: c.Raw}))
	}
	data[key] = out.String()
	return nil
}

// mergeList adds to a list of headers.
func mergeList(data map[string]string, key string, own []string) error {
	list, err := readList(data, key)
	if err != nil {
		return err
	}
	for _, s := range own {
		if !slices.ContainsFunc(list, func(has string) bool { return strings.EqualFold(has, s) }) {
			list = append(list, s)
		}
	}
	if len(list) == 0 && data[key] == "" {
		return nil
	}
	return writeList(data, key, list)
}

// mergeNames adds to the names that a front proxy's certificate may have. No name at all stands for any name, so that a
// list that is empty stays so unless it is the first.
func mergeNames(data map[string]string, own []string, first bool) error {
	list, err := readList(data, allowedNamesKey)
	if err != nil {
		return err
	}
	if len(own) == 0 || !first && len(list) == 0 {
		return writeList(data, allowedNamesKey, nil)
	}
	for _, s := range own {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return writeList(data, allowedNamesKey, list)
}

func readList(data map[string]string, key string) ([]string, error) {
	var list []string
	if data[key] == "" {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(data[key]), &list); err != nil {
		return nil, fmt.Errorf("read list %s: %w", key, err)
	}
	return list, nil
}

func writeList(data map[string]string, key string, list []string) error {
	if list == nil {
		list = []string{}
	}
	encoded, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("write list %s: %w", key, err)
	}
	data[key] = string(encoded)
	return nil
}
