-- Asks Countersign whether a request may pass: a door of kind forward_auth, proxy haproxy. It needs nothing but HAProxy's own
-- client (core.httpclient, HAProxy 2.5 or later). haproxy.cfg says with setenv where the door is, and its secret where it has one.
--
-- Whatever goes wrong here leaves txn.countersign unset, and haproxy.cfg denies what it does not find "allow" in.

local door = os.getenv("COUNTERSIGN_DOOR")
local secret = os.getenv("COUNTERSIGN_DOOR_SECRET")

-- The fields that are not handed on as they are: what they are about is this connection, or is told below.
local own = {
  ["connection"] = true, ["upgrade"] = true, ["content-length"] = true, ["transfer-encoding"] = true, ["expect"] = true,
  ["host"] = true, ["te"] = true, ["trailer"] = true, ["keep-alive"] = true, ["proxy-connection"] = true, ["http2-settings"] = true,
  ["x-original-method"] = true, ["x-original-uri"] = true, ["x-original-body"] = true, ["x-original-peer"] = true,
  ["x-original-connection"] = true, ["x-original-upgrade"] = true, ["x-original-host"] = true,
  ["countersign-door-secret"] = true,
}

-- HAProxy numbers values from 0, its client takes them from 1.
local function list(values)
  local all = {}
  if values[0] ~= nil then
    all[1] = values[0]
  end
  for _, value in ipairs(values) do
    all[#all + 1] = value
  end
  return all
end

local function joined(values)
  return values and table.concat(list(values), ", ") or ""
end

local function question(txn, body)
  local headers, version = {}, txn.sf:req_ver()
  local given = txn.http:req_get_headers()
  for name, values in pairs(given) do
    if not own[name] then
      headers[name] = list(values)
    end
  end
  -- Over HTTP/1 the target as it will be forwarded, also where it is a whole URL, which the door refuses; over HTTP/2 there is
  -- no such thing, and url has scheme and host in front of it.
  local target = txn.sf:pathq()
  if version:sub(1, 1) == "1" then
    target = txn.sf:url()
  end
  if #version == 1 then
    version = version .. ".0"
  end
  headers["x-original-host"] = { joined(given["host"]) } -- empty where there is none
  headers["x-original-method"] = { txn.sf:method() }
  headers["x-original-uri"] = { target }
  headers["x-original-peer"] = { txn.sf:src() }
  headers["x-original-body"] = { string.format("HTTP/%s length=%s held=%d encoding=%s", version,
    joined(given["content-length"]), #body, joined(given["transfer-encoding"])) }
  if secret then
    headers["countersign-door-secret"] = { secret }
  end
  if given["connection"] then
    headers["x-original-connection"] = { joined(given["connection"]) }
  end
  if given["upgrade"] then
    headers["x-original-upgrade"] = { joined(given["upgrade"]) }
  end
  return headers
end

local function deny(txn, answer)
  local reply = txn:reply({ status = answer.status, reason = "" })
  for name, values in pairs(answer.headers) do
    if name ~= "content-length" and name ~= "transfer-encoding" and name ~= "connection" and name ~= "date"
      and name ~= "countersign-decision" then
      for _, value in ipairs(list(values)) do
        reply:add_header(name, value)
      end
    end
  end
  if answer.body then
    reply:set_body(answer.body)
  end
  txn:done(reply)
end

local function pass(txn, headers)
  for name in pairs(own) do
    if name:sub(1, 11) == "x-original-" or name == "countersign-door-secret" then
      txn.http:req_del_header(name)
    end
  end
  if headers["countersign-remove"] then
    for name in string.gmatch(joined(headers["countersign-remove"]), "[^,%s]+") do
      txn.http:req_del_header(name)
    end
  end
  for _, name in ipairs({ "partner", "credential", "environment", "api", "request-id", "client-address" }) do
    local value = joined(headers["countersign-" .. name])
    if value == "" then
      return
    end
    txn.http:req_set_header("countersign-" .. name, value)
  end
  txn:set_var("txn.countersign_request_id", joined(headers["countersign-request-id"]))
  txn:set_var("txn.countersign_ratelimit", joined(headers["ratelimit"]))
  txn:set_var("txn.countersign_ratelimit_policy", joined(headers["ratelimit-policy"]))
  txn:set_var("txn.countersign", "allow")
end

core.register_action("countersign", { "http-req" }, function(txn)
  local body = txn.sf:req_body() or ""
  local client = core.httpclient()
  local answer = client:post({ url = door, headers = question(txn, body), body = body, timeout = 30000 })
  if not answer or not answer.status or answer.status < 200 then
    return -- nobody answers: haproxy.cfg denies
  end
  if answer.status == 200 and joined(answer.headers["countersign-decision"]) == "allow" then
    pass(txn, answer.headers)
  elseif joined(answer.headers["countersign-decision"]) ~= "" then
    deny(txn, answer)
  end
end, 0)
