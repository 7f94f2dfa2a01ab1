"""Become an nginx that answers every request with the contents of a file.

    python benchmarks/constant_answer.py PORT FILE

It reads the whole request, as every server must, and understands none of it: what it reaches is
what the machine, the network and wrk leave to any server.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

# A short answer is kept in memory, as a server that makes its answers would have it. nginx refuses
# a POST for a file, with 405: the second form sends the file in place of that error.
FROM_MEMORY = "return 200 '{text}';"
FROM_FILE = "root {folder}; error_page 405 =200 /{file}; try_files /{file} =404;"
LONGEST_IN_MEMORY = 3000

CONFIGURATION = """
daemon off;
master_process off;
pid {own}/pid;
error_log {own}/errors;
events {{ worker_connections 20000; }}
http {{
    access_log off;
    client_max_body_size 0;
    client_body_temp_path {own}/body;
    fastcgi_temp_path {own}/fastcgi;
    proxy_temp_path {own}/proxy;
    scgi_temp_path {own}/scgi;
    uwsgi_temp_path {own}/uwsgi;
    default_type application/x-amz-json-1.1;
    keepalive_requests 1000000000;
    server {{
        listen 127.0.0.1:{port};
        location / {{ {answer} }}
    }}
}}
"""


def main() -> None:
    """Write the configuration where temporary files are, and become nginx."""
    port, path = sys.argv[1], Path(sys.argv[2]).resolve()
    text = path.read_text()
    form = FROM_MEMORY if len(text) <= LONGEST_IN_MEMORY else FROM_FILE
    answer = form.format(text=text, folder=path.parent, file=path.name)
    own = Path(tempfile.mkdtemp())
    configuration = own / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(own=own, port=port, answer=answer))
    nginx = shutil.which("nginx") or "nginx"
    os.execv(nginx, [nginx, "-p", str(own), "-c", str(configuration), "-e", str(own / "errors")])


if __name__ == "__main__":
    main()
