package identity

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	certificates "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/certificate"
	"k8s.io/client-go/util/certificate/csr"
	"k8s.io/client-go/util/keyutil"
	"k8s.io/klog/v2"

	"github.com/proa-sh/proa/pkg/component"
)

// keyName is the file of the key until there is a certificate for it: a kubelet that is restarted while it waits goes on
// with the same request.
const keyName = pairName + ".key.tmp"

// bootstrap gets the first certificate and writes the kubeconfig that uses it. It tries until ctx ends.
func bootstrap(ctx context.Context, cfg Config, why error) error {
	logger := klog.FromContext(ctx)
	logger.Info("Asking the cluster for a client certificate", "bootstrapKubeconfig", cfg.Bootstrap, "reason", why)
	client, _, err := component.Client("", cfg.Bootstrap, userAgent)
	if err != nil {
		return err
	}
	pause := wait.Backoff{Duration: time.Second, Factor: 2, Steps: 6, Cap: 30 * time.Second}
	for {
		err := request(ctx, client, cfg)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		logger.Error(err, "Could not get a client certificate, trying again")
		timer := time.NewTimer(pause.Step())
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
	return writeKubeconfig(cfg)
}

// request asks for a certificate, waits for it and stores it.
func request(ctx context.Context, client kubernetes.Interface, cfg Config) error {
	key, keyPEM, err := firstKey(filepath.Join(cfg.Dir, keyName))
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject(cfg.NodeName)}, key)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	name, err := requestName(key, cfg.NodeName)
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	created, uid, err := csr.RequestCertificateWithContext(ctx, client, text, name, certificates.KubeAPIServerClientKubeletSignerName,
		nil, certificate.DefaultKubeletClientGetUsages(key), key)
	if err != nil {
		return fmt.Errorf("create certificate signing request: %w", err)
	}
	klog.FromContext(ctx).Info("Waiting for the certificate signing request to be approved", "request", created)
	cert, err := csr.WaitForCertificate(ctx, client, created, uid)
	if err != nil {
		return fmt.Errorf("wait for certificate signing request %q: %w", created, err)
	}
	files, err := certificate.NewFileStore(pairName, cfg.Dir, cfg.Dir, "", "")
	if err != nil {
		return fmt.Errorf("open store of client certificates: %w", err)
	}
	if _, err := files.Update(cert, keyPEM); err != nil {
		return fmt.Errorf("store certificate: %w", err)
	}
	if err := os.Remove(filepath.Join(cfg.Dir, keyName)); err != nil {
		return fmt.Errorf("remove key file: %w", err)
	}
	return nil
}

// firstKey reads the key of an earlier try, or makes one.
func firstKey(path string) (crypto.Signer, []byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if text, err = newKey(); err == nil {
			err = keyutil.WriteKey(path, text)
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("get key: %w", err)
	}
	parsed, err := keyutil.ParsePrivateKeyPEM(text)
	if err != nil {
		return nil, nil, fmt.Errorf("read key %s: %w", path, err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, nil, fmt.Errorf("read key %s: %T cannot sign", path, parsed)
	}
	return key, text, nil
}

func newKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return keyutil.MarshalPrivateKeyToPEM(key)
}

// requestName is the same for the same key and node, so that one who asks again finds what was asked before.
func requestName(key crypto.Signer, nodeName string) (string, error) {
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return "", fmt.Errorf("name request: %w", err)
	}
	sum := sha256.Sum256(append(public, nodeName...))
	return "node-csr-" + hex.EncodeToString(sum[:20]), nil
}

// writeKubeconfig writes the bootstrap kubeconfig with the new certificate instead of its credentials.
func writeKubeconfig(cfg Config) error {
	from, err := clientcmd.LoadFromFile(cfg.Bootstrap)
	if err != nil {
		return fmt.Errorf("read bootstrap kubeconfig: %w", err)
	}
	if err := clientcmd.ResolveLocalPaths(from); err != nil {
		return fmt.Errorf("read bootstrap kubeconfig: %w", err)
	}
	current := from.Contexts[from.CurrentContext]
	if current == nil || from.Clusters[current.Cluster] == nil {
		return fmt.Errorf("read bootstrap kubeconfig %s: its current context %q names no cluster", cfg.Bootstrap, from.CurrentContext)
	}
	pair := filepath.Join(cfg.Dir, pairName+"-current.pem")
	to := clientcmdapi.NewConfig()
	to.Clusters["default-cluster"] = from.Clusters[current.Cluster]
	to.AuthInfos["default-auth"] = &clientcmdapi.AuthInfo{ClientCertificate: pair, ClientKey: pair}
	to.Contexts["default-context"] = &clientcmdapi.Context{Cluster: "default-cluster", AuthInfo: "default-auth"}
	to.CurrentContext = "default-context"
	if err := clientcmd.WriteToFile(*to, cfg.Kubeconfig); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return nil
}
