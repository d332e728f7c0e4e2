"""The Lua that decides positions, fences and owners inside Valkey, one slot a script.

Each runs alone and whole, so a log and what is known of it never disagree.
"""

from typing import Final

# An append: fence, repeat, lost entries, XADD, open replies, push. {generation, first, last} or {}.
# KEYS log, head. ARGV fence, writer, id, new generation, known generation, known pos, cap,
# log seconds, head seconds, count, payload, channel, whether the writer itself is pushed it (1, 0),
# entries..., then pairs of reply and state. A writer that is the only one to listen needs no push.
# The channel is no key: a slot on its way elsewhere would count it as one that is missing.
APPEND: Final = """
local h = redis.call('HMGET', KEYS[2], 'gen', 'pos', 'fence', 'l:' .. ARGV[2])
local fence = tonumber(ARGV[1])
if tonumber(h[3] or 0) > fence then return {} end
local gen, pos = h[1], tonumber(h[2] or 0)
if h[4] then
  local id, first, last = string.match(h[4], '^(%S+) (%d+) (%d+)$')
  if id == ARGV[3] then return {gen, tonumber(first), tonumber(last)} end
end
if not gen or (gen == ARGV[5] and pos < tonumber(ARGV[6])) then
  gen, pos = ARGV[4], 0
  redis.call('DEL', KEYS[1])
end
local n, first = tonumber(ARGV[10]), pos + 1
for i = 1, n do
  pos = pos + 1
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[7], pos .. '-0', 'e', ARGV[13 + i])
end
redis.call('HSET', KEYS[2], 'gen', gen, 'pos', pos, 'fence', fence,
  'l:' .. ARGV[2], ARGV[3] .. ' ' .. first .. ' ' .. pos)
for i = 14 + n, #ARGV, 2 do
  if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[2], 'o:' .. ARGV[i])
  else redis.call('HSET', KEYS[2], 'o:' .. ARGV[i], ARGV[i + 1]) end
end
redis.call('EXPIRE', KEYS[1], ARGV[8])
redis.call('EXPIRE', KEYS[2], ARGV[9])
if ARGV[13] == '0' or redis.call('PUBSUB', 'SHARDNUMSUB', ARGV[12])[2] > 1 then
  redis.call('SPUBLISH', ARGV[12], gen .. ' ' .. first .. ' ' .. ARGV[11])
end
return {gen, first, pos}
"""

# Take a lease that is free, ours, or the dead holder's. {fence, node} or {-1, holder}.
# KEYS head. ARGV dead holder, node, floor, new generation, head seconds.
TAKE: Final = """
local h = redis.call('HMGET', KEYS[1], 'gen', 'fence', 'node')
local holder = h[3] or ''
if holder ~= '' and holder ~= ARGV[1] and holder ~= ARGV[2] then return {-1, holder} end
local t = redis.call('TIME')
local fence = math.max(tonumber(h[2] or 0) + 1, tonumber(ARGV[3]) + 1, tonumber(t[1]))
redis.call('HSET', KEYS[1], 'fence', string.format('%d', fence), 'node', ARGV[2])
if not h[1] then redis.call('HSET', KEYS[1], 'gen', ARGV[4], 'pos', 0) end
redis.call('EXPIRE', KEYS[1], ARGV[5])
return {fence, ARGV[2]}
"""

# KEYS head. ARGV fence.
RELEASE: Final = """
if tonumber(redis.call('HGET', KEYS[1], 'fence') or 0) == tonumber(ARGV[1]) then
  redis.call('HDEL', KEYS[1], 'node')
end
return 1
"""

# A node's name belongs to one process: {1} ours, {0} somebody else's who lives.
# KEYS node. ARGV tag, milliseconds.
BEAT: Final = """
local tag = redis.call('GET', KEYS[1])
if tag and tag ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

# KEYS nodes. ARGV milliseconds, node (empty: only list). The living, by the store's clock.
LIVING: Final = """
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
if ARGV[2] ~= '' then redis.call('ZADD', KEYS[1], now, ARGV[2]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[1]))
return redis.call('ZRANGE', KEYS[1], 0, -1)
"""

# KEYS session, anchors. ARGV owner, seconds, record (empty: only touch), anchors...
TOUCH: Final = """
local owner = redis.call('HGET', KEYS[1], 'o')
if not owner then return -1 end
if owner ~= ARGV[1] then return 0 end
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], 'r', ARGV[3])
  redis.call('DEL', KEYS[2])
  if #ARGV > 3 then redis.call('RPUSH', KEYS[2], unpack(ARGV, 4)) end
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
"""

# KEYS session, anchors. ARGV owner, seconds, anchor.
ANCHOR: Final = """
local owner = redis.call('HGET', KEYS[1], 'o')
if not owner then return -1 end
if owner ~= ARGV[1] then return 0 end
redis.call('RPUSH', KEYS[2], ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
"""

# KEYS session, anchors. ARGV owner, seconds, person, epoch.
OWN: Final = """
local s = redis.call('HMGET', KEYS[1], 'p', 'e', 'r')
if s[1] ~= ARGV[3] or s[2] ~= ARGV[4] then return {} end
redis.call('HSET', KEYS[1], 'o', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return {s[3], redis.call('LRANGE', KEYS[2], 0, -1)}
"""
