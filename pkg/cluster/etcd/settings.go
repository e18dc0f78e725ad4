package etcd

import (
	"net/url"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	// A single member elects itself after one to electionMs/tickMs ticks (five is etcd's least), so a short tick is a
	// short start, and each tick is a wake-up for ever: at 20 ms an idle member was measured to take 0.8 % of a core, at
	// 50 ms 0.58 %, at 100 ms 0.36 %.
	tickMs, electionMs = 100, 500

	// progressInterval is how often watches that see no change hear of the present revision, so that it is newer than what
	// the API server lets be compacted, five minutes old. Readers that need the present revision at once ask for it. Each
	// word of it goes to some sixty watches.
	progressInterval = time.Minute

	// The write-ahead log is synced for every write, so the database file may follow later: after a crash it is made up
	// from the log. Fewer commits write the pages that keep changing (node leases) less often.
	batchInterval = 5 * time.Second
	batchLimit    = 10_000

	// maxRequestBytes leaves room for a 3 MiB API request, which is what the API server lets in.
	maxRequestBytes = 8 << 20
)

// settings are etcd's own, for one member that nobody reaches over a network.
func (m *Member) settings() *embed.Config {
	cfg := embed.NewConfig()
	cfg.Name = "proa"
	cfg.Dir = m.cfg.Dir
	// The advertised addresses are only names in the membership list; nothing listens there.
	peer := url.URL{Scheme: "http", Host: "localhost:2380"}
	cfg.ListenPeerUrls = nil
	cfg.AdvertisePeerUrls = []url.URL{peer}
	cfg.InitialCluster = cfg.Name + "=" + peer.String()
	cfg.ListenClientUrls = []url.URL{unixURL(m.cfg.Socket)}
	cfg.AdvertiseClientUrls = []url.URL{{Scheme: "http", Host: "localhost:2379"}}
	cfg.TickMs, cfg.ElectionMs = tickMs, electionMs
	cfg.BackendBatchInterval, cfg.BackendBatchLimit = batchInterval, batchLimit
	cfg.BackendFreelistType = "map"
	cfg.QuotaBackendBytes = m.cfg.QuotaBytes
	cfg.MaxRequestBytes = maxRequestBytes
	cfg.MaxTxnOps = 1024
	cfg.AutoCompactionRetention = "0"
	cfg.WatchProgressNotifyInterval = progressInterval
	cfg.EnableGRPCGateway = false
	// Left at zero, as etcd's own main does not, every single request would be logged.
	cfg.WarningUnaryRequestDuration = embed.DefaultWarningUnaryRequestDuration
	// A fatal message must not end the process behind our back: see open.
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(m.cfg.Logger.WithOptions(zap.WithFatalHook(zapcore.WriteThenPanic)))
	return cfg
}
