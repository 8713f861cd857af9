// A certificate for localhost and 127.0.0.1 that signs itself, for tests only: its key is no secret. Valid for a hundred years:
//   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=localhost \
//     -addext "subjectAltName=DNS:localhost,IP:127.0.0.1"
export const LOOPBACK_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+bqktQntobzRuRF0
L3r+4YxYdqwnYnbyy0hUf1r2GvWhRANCAAQfzmypNhDSxfN5aMerCHrrInWKgvgQ
WfJKFUtYROqPbKsnF/QA4mqCO1oKNSf6MkIXP17znp0dySJ807Pm1kvF
-----END PRIVATE KEY-----
`;

export const LOOPBACK_CERT = `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUCCb9D7KNN1qnVXv+rG6l6Ry4a5wwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzA5MDk0MFoYDzIxMjYxMDMw
MDkwOTQwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQfzmypNhDSxfN5aMerCHrrInWKgvgQWfJKFUtYROqPbKsnF/QA4mqC
O1oKNSf6MkIXP17znp0dySJ807Pm1kvFo28wbTAdBgNVHQ4EFgQUHHyhHF11rarH
eUJj2201ZUByV1gwHwYDVR0jBBgwFoAUHHyhHF11rarHeUJj2201ZUByV1gwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIhAK6z/Nap5cXr3REKaHOyKUgInrW5ANnNMMD1axDGgUTvAiB1
2OrPMqaysqe3hSNX5/hIA2Gl4DpQhsqzrPpG4FuPZQ==
-----END CERTIFICATE-----
`;
