package deployfile

import _ "embed"

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema of the format, for editors (D7). It accepts and
// refuses what Parse does, as far as a schema can say.
func Schema() []byte { return schema }
