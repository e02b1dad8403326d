"""The application in FastAPI, behind Mangum."""

import hashlib
from urllib.parse import parse_qs

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from mangum import Mangum
from pydantic import BaseModel

app = FastAPI()


class Pet(BaseModel):
    name: str


@app.get("/pets/{id}")
def pet(id: int, request: Request, tag: list[str] = Query(default=[])):
    return {"id": str(id), "tags": tag, "agent": request.headers.get("x-agent")}


@app.post("/pets", status_code=201)
def make(pet: Pet, response: Response):
    response.headers["Location"] = "/pets/7"
    return {"name": pet.name, "length": len(pet.name)}


@app.get("/headers")
def headers(request: Request):
    return {"x-tag": ",".join(request.headers.getlist("x-tag")).replace(" ", "").split(",")}


@app.get("/cookies")
def cookies(request: Request, response: Response):
    response.set_cookie("first", "1", path="/")
    response.set_cookie("second", "2", httponly=True)
    return dict(request.cookies)


@app.get("/image")
def image():
    return Response(bytes(range(256)), media_type="image/png")


@app.post("/image")
async def upload(request: Request):
    content = await request.body()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@app.post("/form")
async def form(request: Request):
    return parse_qs((await request.body()).decode())


@app.get("/old")
def old():
    return RedirectResponse("/pets/1?moved=yes", 302)


@app.get("/fail")
def fail():
    raise RuntimeError("on purpose")


@app.get("/large")
def large(bytes: int):
    return PlainTextResponse("x" * bytes)


@app.get("/names/{name}")
def name(name: str):
    return PlainTextResponse(f"Grüße, {name} ✓")


@app.delete("/pets/{id}", status_code=204)
def remove(id: int):
    return Response(status_code=204)


handler = Mangum(app, lifespan="off")
