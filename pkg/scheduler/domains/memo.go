package domains

// Memo keeps the values of the keys that were asked for last.
type Memo[T any] struct {
	limit  int
	clock  uint64
	values map[string]*memoEntry[T]
}

type memoEntry[T any] struct {
	value T
	used  uint64
}

// NewMemo keeps at most limit values.
func NewMemo[T any](limit int) *Memo[T] {
	return &Memo[T]{limit: limit, values: map[string]*memoEntry[T]{}}
}

// Get returns the value of a key, which make makes if it is not kept.
func (m *Memo[T]) Get(key string, make func() (T, error)) (T, error) {
	m.clock++
	if e, ok := m.values[key]; ok {
		e.used = m.clock
		return e.value, nil
	}
	value, err := make()
	if err != nil {
		return value, err
	}
	if len(m.values) >= m.limit {
		m.dropOldest()
	}
	m.values[key] = &memoEntry[T]{value: value, used: m.clock}
	return value, nil
}

// Clear forgets all values.
func (m *Memo[T]) Clear() { clear(m.values) }

// Len is the number of values kept.
func (m *Memo[T]) Len() int { return len(m.values) }

func (m *Memo[T]) dropOldest() {
	oldest, used := "", m.clock+1
	for key, e := range m.values {
		if e.used < used {
			oldest, used = key, e.used
		}
	}
	delete(m.values, oldest)
}
