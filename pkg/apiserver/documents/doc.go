// Package documents serves the OpenAPI documents (v2 and v3) of a server's own resources at /openapi/v2 and /openapi/v3.
//
// In: the web services of the server, the configuration of the documents, and an identity that changes whenever a document
// may. Out: handlers in a mux. A document is built by the libraries, as they always do, but only when it is first asked for:
// building all of them would be a third of the work of an API server's start, and they would be kept in memory though most are
// never read. The list of the v3 documents has a hash for each of them, by which clients keep what they know; it is made of the
// identity and of the paths in the document, so that the list costs nothing.
//
// Field managers read the same definitions with some defaults more ([WithKeys]).
//
// It never imports the declarations of resources, and knows nothing of other servers' documents: the aggregator merges them.
package documents
