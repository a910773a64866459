// Stands for your own login: each visitor becomes a user, whom a cookie identifies.
import { randomUUID } from 'node:crypto';

import { parse } from 'cookie';
import { LRUCache } from 'lru-cache';

import { options } from './options.mjs';

const visits = new LRUCache({ max: 10_000, ttl: 60 * 60_000 });

export function logIn(request, response, next) {
  if (!visitOf(request)) {
    const id = randomUUID();
    visits.set(id, { user: randomUUID(), checks: 0, check: undefined });
    const secure = options.origin.startsWith('https:');
    response.cookie('visit', id, { httpOnly: true, sameSite: 'strict', secure });
  }
  next();
}

// Admits a request of a user, from our own page.
export function requireLogin(request, response, next) {
  if (request.get('origin') !== options.origin) {
    return response.status(403).json({ error: 'the origin is not allowed' });
  }
  request.visit = visitOf(request);
  if (!request.visit) return response.status(401).json({ error: 'log in first' });
  next();
}

function visitOf(request) {
  return visits.get(parse(request.headers.cookie ?? '').visit);
}
