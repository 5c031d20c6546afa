-- wrk's script for credentials.
--   wrk … -s credentials.lua URL -- exchange CLIENT SECRET | garbage CLIENT SECRET | call FILE-OF-TOKENS | insert | get
-- `garbage` sends secrets of no form and with a wrong checksum; `call` shows the tokens of the file in turn.

local requests = {}
local turn = 0

local function post(body, token)
  local headers = { ["Content-Type"] = "application/json" }
  if token then
    headers["Authorization"] = "Bearer " .. token
  end
  requests[#requests + 1] = wrk.format("POST", nil, headers, body)
end

local function grant(client, secret)
  local form = '{"grant_type":"client_credentials","client_id":"%s","secret":"%s"}'
  return string.format(form, client, secret)
end

local function mistyped(secret, number)
  local last = secret:sub(-1) == "0" and "1" or "0"
  local head = secret:sub(1, -8) .. tostring(number % 10)
  return head .. secret:sub(-6, -2) .. last
end

function init(args)
  local scenario = args[1]
  if scenario == "exchange" then
    post(grant(args[2], args[3]))
  elseif scenario == "garbage" then
    post(grant(args[2], "nonsense"))
    for number = 0, 9 do
      post(grant(args[2], mistyped(args[3], number)))
    end
  elseif scenario == "call" then
    for token in io.lines(args[2]) do
      post("{}", token)
    end
  elseif scenario == "insert" then
    post(grant("018f2b5e-0000-7000-8000-000000000000", string.rep("x", 60)))
  else
    requests[1] = wrk.format("GET")
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end
