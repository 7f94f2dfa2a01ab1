#!/usr/bin/env bash
# opentelemetry-instrumentation-botocore 0.66b2: a traced boto3 sends no traceparent, whatever OTEL_PROPAGATORS says.
#
# The variable names the propagators of a process, and W3C's are its default; those of other HTTP clients'
# instrumentations follow it. That of botocore has X-Ray's propagator of its own, so the only header that it adds is
# X-Amzn-Trace-Id, and a server that reads traceparent alone sees no parent. The two are of the same span.
#
# Seen, with OTEL_PROPAGATORS=tracecontext: no traceparent; Root and Parent are those of the client's span.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet boto3==1.44.8 opentelemetry-sdk==1.45.2 opentelemetry-instrumentation-botocore==0.66b2
cat > finding.py <<'PYTHON'
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
from opentelemetry.instrumentation.botocore import BotocoreInstrumentor
from opentelemetry.sdk.trace import TracerProvider

sent, spans = {}, []


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        sent.update({name.lower(): value for name, value in self.headers.items()})
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
hook = lambda span, *_: spans.append(span.get_span_context())
BotocoreInstrumentor().instrument(tracer_provider=TracerProvider(), request_hook=hook)
keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
boto3.client("kinesis", endpoint_url=f"http://127.0.0.1:{server.server_port}", **keys).list_streams()
trace_id, span_id = f"{spans[0].trace_id:032x}", f"{spans[0].span_id:016x}"
expected = f"Root=1-{trace_id[:8]}-{trace_id[8:]};Parent={span_id};Sampled=1"
print("traceparent" in sent, sent["x-amzn-trace-id"] == expected)
PYTHON
seen=$(OTEL_PROPAGATORS=tracecontext env/bin/python finding.py)
echo "$seen"
[ "$seen" = 'False True' ] || { echo "it has changed" >&2; exit 1; }
