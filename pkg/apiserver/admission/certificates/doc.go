// Package certificates has the admission plugins of certificate signing requests: CertificateApproval and
// CertificateSigning want users to have the verbs approve and sign on the request's signer, and
// CertificateSubjectRestriction refuses client certificates of the group system:masters, which no authorizer can bound.
//
// In: the authorizer. TestApproval, TestSigning and TestSubject show them.
package certificates
