# SPDX-License-Identifier: Apache-2.0
"""HTTPS: for the whole server, and for the virtual hosts of its port."""

from __future__ import annotations

from ..conf import directive, only_if, quote, section
from ..model import Model

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"


def server(model: Model) -> list[str]:
    if not model.https_port:
        return []
    # Client certificates for a part of a site only exist in TLS 1.2: browsers do not renegotiate in 1.3.
    versions = "+TLSv1.2" if model.ssl_verify_client else "+TLSv1.2 +TLSv1.3"
    return [
        directive("SSLSessionCache", f"shmcb:{model.runtime_directory}/ssl_cache(512000)"),
        f"SSLProtocol -all {versions}",
        f"SSLCipherSuite {CIPHERS}",
        "SSLHonorCipherOrder On",
        "SSLSessionTickets Off",
        "SSLStrictSNIVHostCheck Off",
    ]


def certificate(model: Model) -> list[str]:
    file, key = model.certificate
    lines = [
        "SSLEngine On",
        directive("SSLCertificateFile", file),
        directive("SSLCertificateKeyFile", key),
    ]
    if model.ssl_certificate_chain_file:
        lines.append(directive("SSLCertificateChainFile", model.ssl_certificate_chain_file))
    lines += only_if(model.ssl_environment, "SSLOptions +StdEnvVars")
    if model.hsts_policy:
        lines.append(directive("Header", "always", "set", "Strict-Transport-Security", model.hsts_policy))
    return lines


def verification(model: Model) -> list[str]:
    """Client certificates, for the host of the application."""
    if not model.ssl_ca_certificate_file:
        return []
    lines = [directive("SSLCACertificateFile", model.ssl_ca_certificate_file)]
    if not model.ssl_verify_client:
        return [*lines, "SSLVerifyClient require"]
    for url in model.ssl_verify_client:
        lines += section(f"Location {quote(url)}", ["SSLVerifyClient require"])
    return lines
