"""HTTPS with curl, Python's ssl and openssl, certificates made by openssl."""

import http.client
import ssl
import subprocess

import pytest
from processes import Gateway, Uvicorn
from conftest import upstream


def authority(folder):
    run(folder, "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj /CN=test-authority -days 2")


def certificate(folder, name, key="rsa:2048"):
    (folder / f"{name}.ext").write_text(f"subjectAltName=DNS:{name}\n")
    kind = "-newkey ec -pkeyopt ec_paramgen_curve:P-256" if key == "ec" else f"-newkey {key}"
    run(folder, f"req {kind} -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}")
    run(folder, f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile {name}.ext -out {name}.pem")


def run(folder, command):
    subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    authority(folder)
    certificate(folder, "api.example.com")
    certificate(folder, "shop.example.com", "ec")
    with Uvicorn("h11") as back_end:
        configuration = f"""
[server]
listen = []
shards = 2
[server.limits]
body = "256MiB"
[[server.tls]]
listen = ["127.0.0.1:0"]
[[certificate]]
domains = ["api.example.com"]
cert = "api.example.com.pem"
key = "api.example.com.key"
[[certificate]]
domains = ["shop.example.com"]
cert = "shop.example.com.pem"
key = "shop.example.com.key"
[management]
listen = "127.0.0.1:0"
[access_log]
destination = "off"
{upstream("app", back_end.address)}
"""
        with Gateway(folder, configuration) as gateway:
            gateway.folder = folder
            yield gateway


def curl(gateway, host, *arguments, check=True):
    command = ["curl", "-sS", "--cacert", gateway.folder / "ca.pem", "--resolve", f"{host}:{gateway.port}:127.0.0.1"]
    done = subprocess.run([*command, *arguments], capture_output=True, check=False)
    assert not check or done.returncode == 0, done.stderr.decode()
    return done


@pytest.mark.parametrize("host", ["api.example.com", "shop.example.com"])
def test_the_certificate_is_chosen_by_name(gateway, host):
    out = curl(gateway, host, "-v", f"https://{host}:{gateway.port}/app/echo")
    assert f'host "{host}" matched' in out.stderr.decode() or f"CN={host}" in out.stderr.decode()
    assert b'"path": "/echo"' in out.stdout


def test_a_name_without_a_certificate_gets_the_first_one_and_curl_refuses_it(gateway):
    url = f"https://other.example.com:{gateway.port}/nothing"
    out = curl(gateway, "other.example.com", url, check=False)
    assert (out.returncode, b"no alternative certificate subject name" in out.stderr) == (60, True), out.stderr
    assert curl(gateway, "other.example.com", "--insecure", url).stdout == b'{"message":"Not Found"}'


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_both_versions_carry_big_content_both_ways(gateway, version, tmp_path):
    body = bytes(range(256)) * 32_768
    (tmp_path / "body").write_bytes(body)
    url = f"https://api.example.com:{gateway.port}/app/back"
    versions = [f"--tlsv{version}", "--tls-max", version]
    out = curl(gateway, "api.example.com", *versions, "-T", tmp_path / "body", "-X", "POST", url)
    assert out.stdout == body


def test_only_http_1_1_is_agreed_on(gateway):
    out = curl(gateway, "api.example.com", "-w", "%{http_version}", "-o", "/dev/null", f"https://api.example.com:{gateway.port}/app/echo")
    assert out.stdout == b"1.1"


def test_python_keeps_its_connection(gateway):
    context = ssl.create_default_context(cafile=gateway.folder / "ca.pem")
    context.set_alpn_protocols(["http/1.1"])

    class Connection(http.client.HTTPSConnection):
        def connect(self):
            http.client.HTTPConnection.connect(self)
            self.sock = context.wrap_socket(self.sock, server_hostname="api.example.com")

    connection = Connection("127.0.0.1", gateway.port, timeout=20)
    connection.connect()
    socket = connection.sock
    assert socket.selected_alpn_protocol() == "http/1.1"
    for index in range(50):
        connection.request("GET", f"/app/big?bytes={index * 4099}")
        assert len(connection.getresponse().read()) == index * 4099
        assert connection.sock is socket
    connection.close()


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_session_is_resumed(gateway, version, tmp_path):
    session = tmp_path / "session"
    command = ["openssl", "s_client", version, "-connect", f"127.0.0.1:{gateway.port}"]
    command += ["-servername", "api.example.com", "-CAfile", gateway.folder / "ca.pem", "-ign_eof"]
    request = b"GET /app/echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    first = subprocess.run([*command, "-sess_out", session], input=request, capture_output=True, check=True, timeout=20)
    second = subprocess.run([*command, "-sess_in", session], input=request, capture_output=True, check=True, timeout=20)
    assert b"HTTP/1.1 200 OK" in first.stdout and b"HTTP/1.1 200 OK" in second.stdout
    assert b"New, TLSv1" in first.stdout
    assert b"Reused, TLSv1" in second.stdout
