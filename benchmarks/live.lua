-- Calls of new activations for wrk: each fact is of a random SIM at a random moment, so that hardly any is known.
-- Arguments: a file of lines `iccid,imei`, facts a call, one in how many is in foreign hardware, seed.

local FOREIGN = "357152091234562"
local random, format = math.random, string.format
local pairs_known, facts, foreign_one_in = {}, 1, 50

function init(arguments)
  for line in io.lines(arguments[1]) do
    local iccid, imei = line:match("(%d+),(%d+)")
    pairs_known[#pairs_known + 1] = { iccid, imei }
  end
  facts, foreign_one_in = tonumber(arguments[2]), tonumber(arguments[3])
  math.randomseed(tonumber(arguments[4]))
end

local function fact()
  local pair = pairs_known[random(#pairs_known)]
  local imei = random(foreign_one_in) == 1 and FOREIGN or pair[2]
  local moment = format("2026-%02d-%02dT%02d:%02d:%02dZ", random(6, 8), random(28), random(0, 23), random(0, 59), random(0, 59))
  return '{"iccid":"' .. pair[1] .. '","imei":"' .. imei .. '","activated_at":"' .. moment .. '"}'
end

function request()
  local made = {}
  for number = 1, facts do
    made[number] = fact()
  end
  return wrk.format("POST", nil, nil, "[" .. table.concat(made, ",") .. "]")
end

function done(summary, latency)
  local errors = summary.errors
  print(format(
    '{"calls":%d,"seconds":%f,"failed":%d,"p50_ms":%f,"p99_ms":%f}',
    summary.requests, summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3
  ))
end
