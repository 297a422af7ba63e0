-- One value; a script so that many can be read in one round trip.
-- KEYS 1 any string
-- returns it, or nil
return redis.call('GET', KEYS[1])
