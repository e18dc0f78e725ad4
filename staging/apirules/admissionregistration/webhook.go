package admissionregistration

import (
	"fmt"
	"net/url"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/proa-sh/proa/staging/apirules/meta"
)

// maxTimeout is the longest that a request waits for one webhook, in seconds.
const maxTimeout = 30

// ValidateValidatingWebhookConfiguration reports faults of a new configuration.
func ValidateValidatingWebhookConfiguration(c *admissionv1.ValidatingWebhookConfiguration) field.ErrorList {
	return Rules{}.ValidateValidatingWebhookConfiguration(c)
}

// ValidateValidatingWebhookConfigurationUpdate reports faults of a configuration that is to replace old.
func ValidateValidatingWebhookConfigurationUpdate(newC, old *admissionv1.ValidatingWebhookConfiguration) field.ErrorList {
	return Rules{}.ValidateValidatingWebhookConfigurationUpdate(newC, old)
}

// ValidateMutatingWebhookConfiguration reports faults of a new configuration.
func ValidateMutatingWebhookConfiguration(c *admissionv1.MutatingWebhookConfiguration) field.ErrorList {
	return Rules{}.ValidateMutatingWebhookConfiguration(c)
}

// ValidateMutatingWebhookConfigurationUpdate reports faults of a configuration that is to replace old.
func ValidateMutatingWebhookConfigurationUpdate(newC, old *admissionv1.MutatingWebhookConfiguration) field.ErrorList {
	return Rules{}.ValidateMutatingWebhookConfigurationUpdate(newC, old)
}

// webhook is what both kinds of webhooks have.
type webhook struct {
	admissionv1.ValidatingWebhook
	reinvocation *admissionv1.ReinvocationPolicyType
}

func validating(c *admissionv1.ValidatingWebhookConfiguration) []webhook {
	out := make([]webhook, 0, len(c.Webhooks))
	for i := range c.Webhooks {
		out = append(out, webhook{ValidatingWebhook: c.Webhooks[i]})
	}
	return out
}

func mutating(c *admissionv1.MutatingWebhookConfiguration) []webhook {
	out := make([]webhook, 0, len(c.Webhooks))
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		out = append(out, webhook{reinvocation: w.ReinvocationPolicy, ValidatingWebhook: admissionv1.ValidatingWebhook{
			Name: w.Name, ClientConfig: w.ClientConfig, Rules: w.Rules, FailurePolicy: w.FailurePolicy, MatchPolicy: w.MatchPolicy,
			NamespaceSelector: w.NamespaceSelector, ObjectSelector: w.ObjectSelector, SideEffects: w.SideEffects,
			TimeoutSeconds: w.TimeoutSeconds, AdmissionReviewVersions: w.AdmissionReviewVersions, MatchConditions: w.MatchConditions}})
	}
	return out
}

// ValidateValidatingWebhookConfiguration is the function of that name, with expressions compiled.
func (r Rules) ValidateValidatingWebhookConfiguration(c *admissionv1.ValidatingWebhookConfiguration) field.ErrorList {
	return append(meta.ClusterScoped(&c.ObjectMeta, meta.SubdomainName), r.webhooks(validating(c), nil)...)
}

// ValidateValidatingWebhookConfigurationUpdate is the function of that name, with expressions compiled.
func (r Rules) ValidateValidatingWebhookConfigurationUpdate(newC, old *admissionv1.ValidatingWebhookConfiguration) field.ErrorList {
	return append(meta.Update(&newC.ObjectMeta, &old.ObjectMeta), r.webhooks(validating(newC), validating(old))...)
}

// ValidateMutatingWebhookConfiguration is the function of that name, with expressions compiled.
func (r Rules) ValidateMutatingWebhookConfiguration(c *admissionv1.MutatingWebhookConfiguration) field.ErrorList {
	return append(meta.ClusterScoped(&c.ObjectMeta, meta.SubdomainName), r.webhooks(mutating(c), nil)...)
}

// ValidateMutatingWebhookConfigurationUpdate is the function of that name, with expressions compiled.
func (r Rules) ValidateMutatingWebhookConfigurationUpdate(newC, old *admissionv1.MutatingWebhookConfiguration) field.ErrorList {
	return append(meta.Update(&newC.ObjectMeta, &old.ObjectMeta), r.webhooks(mutating(newC), mutating(old))...)
}

func (r Rules) webhooks(list, old []webhook) field.ErrorList {
	r = r.begin(false)
	stored, tolerate, oldVersions := sets.New[string](), false, false
	for i := range old {
		conditionExpressions(stored, old[i].MatchConditions)
		tolerate = tolerate || meta.SelectorHasInvalidValue(old[i].NamespaceSelector) || meta.SelectorHasInvalidValue(old[i].ObjectSelector)
		oldVersions = oldVersions || len(old[i].AdmissionReviewVersions) > 0 && !understood(old[i].AdmissionReviewVersions)
	}
	var errs field.ErrorList
	names := sets.New[string]()
	for i := range list {
		w, p := &list[i], field.NewPath("webhooks").Index(i)
		errs = append(errs, r.webhook(w, stored, tolerate, p)...)
		errs = append(errs, reviewVersions(w.AdmissionReviewVersions, !oldVersions, p.Child("admissionReviewVersions"))...)
		if names.Has(w.Name) {
			errs = append(errs, field.Duplicate(p.Child("name"), w.Name))
		}
		names.Insert(w.Name)
	}
	return errs
}

func (r Rules) webhook(w *webhook, stored sets.Set[string], tolerate bool, p *field.Path) field.ErrorList {
	errs := validation.IsFullyQualifiedName(p.Child("name"), w.Name)
	for i := range w.Rules {
		errs = append(errs, ruleWithOperations(&w.Rules[i], p.Child("rules").Index(i))...)
	}
	if w.FailurePolicy != nil {
		errs = append(errs, meta.In(*w.FailurePolicy, p.Child("failurePolicy"), admissionv1.Fail, admissionv1.Ignore)...)
	}
	if w.MatchPolicy != nil {
		errs = append(errs, meta.In(*w.MatchPolicy, p.Child("matchPolicy"), admissionv1.Equivalent, admissionv1.Exact)...)
	}
	if w.SideEffects == nil {
		errs = append(errs, field.Required(p.Child("sideEffects"), fmt.Sprintf("must specify one of %s", `"None", "NoneOnDryRun"`)))
	} else {
		errs = append(errs, meta.In(*w.SideEffects, p.Child("sideEffects"), admissionv1.SideEffectClassNone, admissionv1.SideEffectClassNoneOnDryRun)...)
	}
	if v := w.TimeoutSeconds; v != nil && (*v > maxTimeout || *v < 1) {
		errs = append(errs, field.Invalid(p.Child("timeoutSeconds"), *v, "the timeout value must be between 1 and 30 seconds"))
	}
	errs = append(errs, meta.Selector(w.NamespaceSelector, p.Child("namespaceSelector"), tolerate)...)
	errs = append(errs, meta.Selector(w.ObjectSelector, p.Child("objectSelector"), tolerate)...)
	errs = append(errs, clientConfig(&w.ClientConfig, p.Child("clientConfig"))...)
	if w.reinvocation != nil {
		errs = append(errs, meta.In(*w.reinvocation, p.Child("reinvocationPolicy"), admissionv1.IfNeededReinvocationPolicy, admissionv1.NeverReinvocationPolicy)...)
	}
	return append(errs, r.matchConditions(w.MatchConditions, false, stored, p.Child("matchConditions"))...)
}

// reviewVersions are the versions of reviews that a webhook understands, in its order of preference.
func reviewVersions(list []string, mustKnow bool, p *field.Path) field.ErrorList {
	if len(list) == 0 {
		return field.ErrorList{field.Required(p, fmt.Sprintf("must specify one of %v", strings.Join(knownVersions(), ", ")))}
	}
	var errs field.ErrorList
	seen := sets.New[string]()
	for i, v := range list {
		if seen.Has(v) {
			errs = append(errs, field.Invalid(p.Index(i), v, "duplicate version"))
			continue
		}
		seen.Insert(v)
		errs = append(errs, meta.Invalid(v, p.Index(i), validation.IsDNS1035Label(v))...)
	}
	if mustKnow && !understood(list) && len(errs) == 0 {
		errs = append(errs, field.Invalid(p, list, fmt.Sprintf("must include at least one of %v", strings.Join(knownVersions(), ", "))))
	}
	return errs
}

func knownVersions() []string { return []string{"v1", "v1beta1"} }

func understood(list []string) bool {
	return sets.New(list...).HasAny(knownVersions()...)
}

func clientConfig(c *admissionv1.WebhookClientConfig, p *field.Path) field.ErrorList {
	switch {
	case (c.URL == nil) == (c.Service == nil):
		return field.ErrorList{field.Required(p, "exactly one of url or service is required")}
	case c.URL != nil:
		return webhookURL(*c.URL, p.Child("url"))
	}
	s, sp := c.Service, p.Child("service")
	var errs field.ErrorList
	errs = append(errs, meta.Required(s.Name, sp.Child("name"))...)
	errs = append(errs, meta.Required(s.Namespace, sp.Child("namespace"))...)
	if port := ptr.Deref(s.Port, defaultWebhookPort); len(validation.IsValidPortNum(int(port))) > 0 {
		errs = append(errs, field.Invalid(sp.Child("port"), port, "port is not valid: "+strings.Join(validation.IsValidPortNum(int(port)), ",")))
	}
	if s.Path != nil && *s.Path != "" { // empty means the root, as it always has
		errs = append(errs, servicePath(*s.Path, sp.Child("path"))...)
	}
	return errs
}

func webhookURL(text string, p *field.Path) field.ErrorList {
	const form = "; desired format: https://host[/path]"
	u, err := url.Parse(text)
	if err != nil {
		return field.ErrorList{field.Required(p, "url must be a valid URL: "+err.Error()+form)}
	}
	var errs field.ErrorList
	if u.Scheme != "https" {
		errs = append(errs, field.Invalid(p, u.Scheme, "'https' is the only allowed URL scheme"+form))
	}
	if u.Host == "" {
		errs = append(errs, field.Invalid(p, u.Host, "host must be specified"+form))
	}
	if u.User != nil {
		errs = append(errs, field.Invalid(p, u.User.String(), "user information is not permitted in the URL"))
	}
	if u.Fragment != "" {
		errs = append(errs, field.Invalid(p, u.Fragment, "fragments are not permitted in the URL"))
	}
	if u.RawQuery != "" {
		errs = append(errs, field.Invalid(p, u.RawQuery, "query parameters are not permitted in the URL"))
	}
	return errs
}

// servicePath wants a clean path of DNS names, as it becomes part of a URL as it is.
func servicePath(path string, p *field.Path) field.ErrorList {
	invalid := func(words string) field.ErrorList { return field.ErrorList{field.Invalid(p, path, words)} }
	u, err := url.Parse("https://localhost" + path)
	if err != nil || u.Path != path || !strings.HasPrefix(path, "/") {
		if !strings.HasPrefix(path, "/") {
			return invalid("must start with a '/'")
		}
		return invalid("must be a valid URL path")
	}
	if path == "/" {
		return nil
	}
	var errs field.ErrorList
	for i, step := range strings.Split(strings.TrimSuffix(path[1:], "/"), "/") {
		if step == "" {
			errs = append(errs, field.Invalid(p, path, fmt.Sprintf("segment[%d] may not be empty", i)))
			continue
		}
		for _, m := range validation.IsDNS1123Subdomain(step) {
			errs = append(errs, field.Invalid(p, path, fmt.Sprintf("segment[%d]: %v", i, m)))
		}
	}
	return errs
}
