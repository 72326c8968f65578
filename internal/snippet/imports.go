package snippet

// Each token and the line that its use needs, in the order in which the lines are to stand.
var (
	pythonImports = []pair{
		{"base64.", "import base64"}, {"email.utils.", "import email.utils"}, {"hashlib.", "import hashlib"}, {"hmac.", "import hmac"},
		{"http.client.", "import http.client"}, {"json.", "import json"}, {"os.", "import os"}, {"secrets.", "import secrets"},
		{"sys.", "import sys"}, {"time.", "import time"}, {"urllib.parse.", "import urllib.parse"},
	}
	javaImports = []pair{
		{"UTF_8", "import static java.nio.charset.StandardCharsets.UTF_8;"},
		{"ByteArrayOutputStream", "import java.io.ByteArrayOutputStream;"}, {"URI.", "import java.net.URI;"}, {"URLEncoder.", "import java.net.URLEncoder;"},
		{"HttpClient", "import java.net.http.HttpClient;"}, {"HttpRequest", "import java.net.http.HttpRequest;"}, {"HttpResponse", "import java.net.http.HttpResponse;"},
		{"MessageDigest", "import java.security.MessageDigest;"}, {"SecureRandom", "import java.security.SecureRandom;"}, {"Duration.", "import java.time.Duration;"},
		{"Instant", "import java.time.Instant;"}, {"ZoneOffset", "import java.time.ZoneOffset;"}, {"DateTimeFormatter", "import java.time.format.DateTimeFormatter;"},
		{"Base64.", "import java.util.Base64;"}, {"HexFormat", "import java.util.HexFormat;"}, {"LinkedHashMap", "import java.util.LinkedHashMap;"},
		{"Locale.", "import java.util.Locale;"}, {"Map<", "import java.util.Map;"}, {"Pattern", "import java.util.regex.Pattern;"},
		{"Mac.", "import javax.crypto.Mac;"}, {"SecretKeySpec", "import javax.crypto.spec.SecretKeySpec;"},
	}
	rubyImports = []pair{
		{"ERB::", `require "erb"`}, {"JSON.", `require "json"`}, {"Net::", `require "net/http"`}, {"OpenSSL::", `require "openssl"`},
		{"SecureRandom", `require "securerandom"`}, {".httpdate", `require "time"`}, {"URI", `require "uri"`},
	}
	csharpImports = []pair{
		{"CultureInfo", "using System.Globalization;"}, {"HttpClient", "using System.Net.Http;"}, {"AuthenticationHeaderValue", "using System.Net.Http.Headers;"},
		{"RandomNumberGenerator", "using System.Security.Cryptography;"}, {"HMAC", "using System.Security.Cryptography;"}, {".HashData", "using System.Security.Cryptography;"},
		{"Encoding.", "using System.Text;"}, {"JsonSerializer", "using System.Text.Json;"}, {"JsonDocument", "using System.Text.Json;"},
		{"JsonException", "using System.Text.Json;"},
	}
)

// goImports are all packages that Go's programs may need; which they are is read from the code.
var goImports = []string{"bytes", "crypto/hmac", "crypto/md5", "crypto/rand", "crypto/sha1", "crypto/sha256", "crypto/sha512", "encoding/base64",
	"encoding/hex", "encoding/json", "fmt", "hash", "io", "log", "net/http", "net/url", "os", "slices", "strconv", "strings", "sync", "time"}
