package core

import (
	"encoding/json"
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// NormalizeSecret moves stringData, which is for writing only, over into data.
func NormalizeSecret(s *v1.Secret) {
	if len(s.StringData) > 0 && s.Data == nil {
		s.Data = make(map[string][]byte, len(s.StringData))
	}
	for key, value := range s.StringData {
		s.Data[key] = []byte(value)
	}
	s.StringData = nil
}

// SetSecretDefaults makes a secret without a type opaque.
func SetSecretDefaults(s *v1.Secret) { orElse(&s.Type, v1.SecretTypeOpaque) }

// ValidateSecret reports faults of a new secret: of its keys, its size, and what its type wants to be there.
func ValidateSecret(s *v1.Secret) field.ErrorList {
	errs := meta.Namespaced(&s.ObjectMeta, meta.SubdomainName)
	p := field.NewPath("data")
	size := 0
	for _, key := range slices.Sorted(maps.Keys(s.Data)) {
		errs = append(errs, meta.Invalid(key, p.Key(key), validation.IsConfigMapKey(key))...)
		size += len(s.Data[key])
	}
	if size > v1.MaxSecretSize {
		errs = append(errs, field.TooLong(p, "", v1.MaxSecretSize))
	}
	return append(errs, secretOfType(s, p)...)
}

func secretOfType(s *v1.Secret, p *field.Path) field.ErrorList {
	var errs field.ErrorList
	need := func(key string) {
		if _, ok := s.Data[key]; !ok {
			errs = append(errs, field.Required(p.Key(key), ""))
		}
	}
	switch s.Type {
	case v1.SecretTypeServiceAccountToken:
		if s.Annotations[v1.ServiceAccountNameKey] == "" {
			errs = append(errs, field.Required(field.NewPath("metadata", "annotations").Key(v1.ServiceAccountNameKey), ""))
		}
	case v1.SecretTypeDockercfg:
		errs = jsonData(s.Data, v1.DockerConfigKey, p)
	case v1.SecretTypeDockerConfigJson:
		errs = jsonData(s.Data, v1.DockerConfigJsonKey, p)
	case v1.SecretTypeBasicAuth:
		_, user := s.Data[v1.BasicAuthUsernameKey]
		_, password := s.Data[v1.BasicAuthPasswordKey]
		if !user && !password { // either may be unused
			need(v1.BasicAuthUsernameKey)
			need(v1.BasicAuthPasswordKey)
		}
	case v1.SecretTypeSSHAuth:
		if len(s.Data[v1.SSHAuthPrivateKey]) == 0 {
			errs = append(errs, field.Required(p.Key(v1.SSHAuthPrivateKey), ""))
		}
	case v1.SecretTypeTLS:
		need(v1.TLSCertKey)
		need(v1.TLSPrivateKeyKey)
	}
	return errs
}

func jsonData(data map[string][]byte, key string, p *field.Path) field.ErrorList {
	value, ok := data[key]
	if !ok {
		return field.ErrorList{field.Required(p.Key(key), "")}
	}
	if err := json.Unmarshal(value, &map[string]any{}); err != nil {
		return field.ErrorList{field.Invalid(p.Key(key), "<secret contents redacted>", err.Error())}
	}
	return nil
}

// ValidateSecretUpdate reports faults of a secret that is to replace old, and changes of its type or of an immutable one.
func ValidateSecretUpdate(newS, old *v1.Secret) field.ErrorList {
	errs := meta.Update(&newS.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, meta.Immutable(newS.Type, old.Type, field.NewPath("type"))...)
	if old.Immutable != nil && *old.Immutable {
		if newS.Immutable == nil || !*newS.Immutable {
			errs = append(errs, field.Forbidden(field.NewPath("immutable"), immutableWhenSet))
		}
		if !apiequality.Semantic.DeepEqual(newS.Data, old.Data) {
			errs = append(errs, field.Forbidden(field.NewPath("data"), immutableWhenSet))
		}
	}
	return append(errs, ValidateSecret(newS)...)
}

// PrepareSecretUpdate gives a secret without a type that of the stored one, which a client need not repeat.
func PrepareSecretUpdate(newS, old *v1.Secret) {
	if newS.Type == "" {
		newS.Type = old.Type
	}
}
