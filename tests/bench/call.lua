-- wrk's script: the same question about one of 64 pipelines, drawn anew for each request.
--   wrk … -s call.lua URL -- portal TOKEN | echo | graphql | tiny

local PIPELINES = 64
local ASK = "query P($slug: ID!) { pipeline(slug: $slug) { name slug url } }"
local ASK_TINY = "query P($slug: ID!) { item(id: $slug) { name id } }"
local requests = {}

local function body(scenario, slug)
  local variables = string.format('{"slug":"%s"}', slug)
  if scenario == "portal" or scenario == "echo" then
    return variables
  end
  local query = scenario == "tiny" and ASK_TINY or ASK
  return string.format('{"query":"%s","variables":%s}', query, variables)
end

function init(args)
  local scenario, token = args[1], args[2]
  local headers = { ["Content-Type"] = "application/json" }
  if token then
    headers["Authorization"] = "Bearer " .. token
  end
  for number = 0, PIPELINES - 1 do
    local slug = "my-organization/p-" .. number
    requests[#requests + 1] = wrk.format("POST", nil, headers, body(scenario, slug))
  end
  math.randomseed(tonumber(tostring(requests):match("0x(%x+)"), 16) % 2147483647)
end

function request()
  return requests[math.random(PIPELINES)]
end
