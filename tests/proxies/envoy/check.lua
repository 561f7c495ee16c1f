-- Runs the Lua filter of envoy.yaml, whose text comes on stdin, against a stand-in for Envoy's stream handle.

assert(loadstring(io.read("*a")))()

local function copied(from)
  local to = {}
  for name, value in pairs(from) do
    to[name] = value
  end
  return to
end

-- What comes of a request with these headers when Portcullis answers so.
local function play(sent, answer, body)
  local left, told, asked = copied(sent), nil, nil
  local headers = {
    get = function(_, name) return left[name] end,
    add = function(_, name, value)
      assert(left[name] == nil, name .. " is there twice")
      left[name] = value
    end,
    remove = function(_, name) left[name] = nil end,
  }
  local handle = {
    headers = function() return headers end,
    httpCall = function(_, cluster, question, sent_body, timeout)
      assert(cluster == "portcullis" and sent_body == nil and timeout <= 5000)
      assert(asked == nil, "it asks once")
      asked = copied(question)
      return answer, body
    end,
    respond = function(_, answered, text)
      told = { headers = answered, body = text }
      error("ended", 0) -- Envoy does not go on with a script that has responded.
    end,
  }
  local done, why = pcall(envoy_on_request, handle)
  assert(done or why == "ended", why)
  assert(asked[":method"] == "GET" and asked[":path"] == "/api/v1/auth/verify" and asked[":authority"])
  return left, told, asked
end

local spoofed = {
  [":method"] = "POST",
  [":path"] = "/orders?page=2",
  ["authorization"] = "Bearer token",
  ["cookie"] = "session=1",
  ["x-auth-user-id"] = "somebody else",
  ["x-auth-session-id"] = "a session",
  ["x-auth-client-id"] = "a client",
  ["x-auth-scopes"] = "*",
  ["x-auth-roles"] = "admin",
  ["x-auth-actor-id"] = "an admin",
  ["x-forwarded-method"] = "GET",
  ["content-type"] = "text/plain",
}

-- A user's token.
local left, told, asked = play(spoofed, {
  [":status"] = "204",
  ["x-auth-user-id"] = "ada",
  ["x-auth-session-id"] = "one",
  ["x-auth-client-id"] = "portcullis",
  ["x-auth-scopes"] = "account",
  ["x-auth-roles"] = "",
  ["set-cookie"] = "never passed on",
})
assert(told == nil and asked["authorization"] == "Bearer token")
assert(left["x-auth-user-id"] == "ada" and left["x-auth-session-id"] == "one")
assert(left["x-auth-client-id"] == "portcullis" and left["x-auth-scopes"] == "account" and left["x-auth-roles"] == "")
assert(left[":method"] == "POST" and left[":path"] == "/orders?page=2" and left["content-type"] == "text/plain")
assert(left["authorization"] == nil and left["set-cookie"] == nil)
assert(left["x-auth-actor-id"] == nil)
assert(asked["x-forwarded-method"] == "POST", "what the request is, not what the client says")

-- A client's token names no user.
left, told = play(spoofed, { [":status"] = "204", ["x-auth-client-id"] = "orders", ["x-auth-scopes"] = "" })
assert(told == nil and left["x-auth-client-id"] == "orders")
assert(left["x-auth-user-id"] == nil and left["x-auth-session-id"] == nil and left["x-auth-roles"] == nil)

-- An API key is passed on to the check, and kept from the app.
local with_key = { [":method"] = "GET", ["x-api-key"] = "pk_1", ["x-auth-client-id"] = "spoofed" }
left, told, asked = play(with_key, { [":status"] = "204", ["x-auth-user-id"] = "ada", ["x-auth-client-id"] = "one" })
assert(told == nil and asked["x-api-key"] == "pk_1" and left["x-api-key"] == nil)
assert(left["x-auth-client-id"] == "one" and left["x-auth-user-id"] == "ada")

-- Cookies: always with what changes nothing, else only from the app's own pages.
for _, row in ipairs({
  { "GET", nil, true }, { "HEAD", "cross-site", true }, { "OPTIONS", nil, true },
  { "POST", nil, false }, { "POST", "same-site", false }, { "DELETE", "cross-site", false }, { "get", nil, false },
  { "POST", "same-origin", true }, { "PUT", "same-origin", true },
}) do
  local sent = { [":method"] = row[1], ["sec-fetch-site"] = row[2], ["cookie"] = "session=1" }
  left, told, asked = play(sent, { [":status"] = "204" })
  assert((asked["cookie"] ~= nil) == row[3] and (left["cookie"] ~= nil) == row[3], row[1])
end

-- A refusal is passed on with its challenge, and no other header.
_, told = play(spoofed, {
  [":status"] = "401",
  ["content-type"] = "application/problem+json",
  ["www-authenticate"] = "Bearer",
  ["set-cookie"] = "never passed on",
}, "{}")
assert(told.headers[":status"] == "401" and told.headers["www-authenticate"] == "Bearer" and told.body == "{}")
assert(told.headers["content-type"] == "application/problem+json" and told.headers["set-cookie"] == nil)

for _, status in ipairs({ "403", "429" }) do
  _, told = play(spoofed, { [":status"] = status, ["retry-after"] = "7" }, "{}")
  assert(told.headers[":status"] == status and told.headers["retry-after"] == "7" and told.body == "{}", status)
end

-- Anything else closes the door: 200 is no answer that Portcullis gives.
for _, status in ipairs({ "200", "302", "400", "404", "500", "503" }) do
  _, told = play(spoofed, { [":status"] = status, ["x-auth-user-id"] = "ada" }, "text")
  assert(told.headers[":status"] == "503" and told.body == "", status)
end

print("ok")
