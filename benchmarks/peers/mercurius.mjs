// The peer of P1: a gateway as a Node team would write and tune it, over the same REST services.
// Mercurius with graphql-jit, a DataLoader for every batch endpoint, undici's pools; the caller's
// token goes to the services unchanged. It serves the documents in benchmarks/documents as they are.
//   PORT=9001 SERVICES='{"targets":"http://127.0.0.1:8001",…}' node mercurius.mjs
import DataLoader from "dataloader";
import Fastify from "fastify";
import mercurius from "mercurius";
import { Pool } from "undici";

const pools = Object.fromEntries(
  Object.entries(JSON.parse(process.env.SERVICES)).map(([name, url]) => [
    name,
    new Pool(url, { connections: 32 }),
  ]),
);

const schema = `
scalar Period
scalar PlainDecimal
scalar Percent
enum Axis { TIME ORGANISATION }
type Money { amount: PlainDecimal! currency: String! }
type Metric { code: String! }
type TargetPart { period: Period! target: PlainDecimal! actual: PlainDecimal attainment: Percent }
type Target {
  id: ID! period: Period! metric: Metric! target: PlainDecimal! actual: PlainDecimal
  attainment: Percent light: String children(axis: Axis): [TargetPart!]!
}
type Stage { code: String! entered: Int! open: Int! amount: Money conversion: Percent }
type Funnel { stages: [Stage!]! winRate: Percent }
type Tier { tier: String count: Int! revenue: Money! }
type CustomerMix { byTier: [Tier!]! }
type Line { component: String! amount: Money! }
type Earnings { status: String! earned: Money! lines: [Line!] }
type UnitName { id: ID! name: String! }
type Rep {
  id: ID! name: String! unit: UnitName targets(period: Period!): [Target!]
  target(period: Period!, metric: String!): Target funnel(period: Period!): Funnel
  customerMix: CustomerMix earnings(period: Period!): Earnings
}
type Reps { totalCount: Int! nodes: [Rep!]! }
type Unit { id: ID! name: String! reps(first: Int!): Reps }
type Query { rep(id: ID!): Rep unit(id: ID!): Unit }`;

const query = (name, values) => values.map((value) => `${name}=${value}`).join("&");

async function get(service, path, token) {
  const answer = await pools[service].request({
    path,
    method: "GET",
    headers: { authorization: token },
  });
  if (answer.statusCode !== 200) throw new Error(`${service} answered ${answer.statusCode}`);
  return (await answer.body.json()).items;
}

// Keys are { id, more }: ids with the same `more` (the rest of the query) make one call.
function loader(service, path, parameter, idOf, valueOf, token) {
  return new DataLoader(
    async (keys) => {
      const calls = new Map();
      for (const { id, more } of keys) calls.set(more, [...(calls.get(more) ?? []), id]);
      const found = new Map();
      await Promise.all(
        [...calls].map(async ([more, ids]) => {
          const rows = await get(service, `${path}?${query(parameter, ids)}${more}`, token);
          for (const row of rows) found.set(`${idOf(row)}${more}`, valueOf(row));
        }),
      );
      return keys.map(({ id, more }) => found.get(`${id}${more}`) ?? null);
    },
    { cacheKeyFn: ({ id, more }) => `${id}${more}` },
  );
}

const context = (request) => {
  const token = request.headers.authorization;
  const load = (...how) => loader(...how, token);
  const itself = (row) => row;
  return {
    members: load("targets", "/targets/v1/members", "id", (row) => row.id, itself),
    units: load("targets", "/targets/v1/units", "id", (row) => row.id, itself),
    staff: load("targets", "/targets/v1/units/members", "id", (row) => row.unit_id, itself),
    targets: load("targets", "/targets/v1/targets", "owner", (row) => row.owner_id, (row) => row.targets),
    funnels: load("kpi", "/kpi/v1/funnels", "scope", (row) => row.scope, itself),
    mixes: load("customers", "/customers/v1/mix", "scope", (row) => row.scope, itself),
    earnings: load("incentives", "/incentives/v1/earnings", "member", (row) => row.member_id, itself),
    // Several metrics a scope: grouped by hand.
    attainments: new DataLoader(
      async (keys) => {
        const calls = new Map();
        for (const { id, more } of keys) calls.set(more, [...(calls.get(more) ?? []), id]);
        const found = new Map();
        await Promise.all(
          [...calls].map(async ([more, ids]) => {
            for (const row of await get("kpi", `/kpi/v1/attainments?${query("scope", ids)}${more}`, token)) {
              const key = `${row.scope}${more}`;
              found.set(key, (found.get(key) ?? new Map()).set(row.metric, row));
            }
          }),
        );
        return keys.map(({ id, more }) => found.get(`${id}${more}`) ?? new Map());
      },
      { cacheKeyFn: ({ id, more }) => `${id}${more}` },
    ),
  };
};

async function joined(owner, more, parts, loaders) {
  const both = `${more}${parts}`;
  const [targets, attainments] = await Promise.all([
    loaders.targets.load({ id: owner, more: both }),
    loaders.attainments.load({ id: owner, more: both }),
  ]);
  return (targets ?? []).map((target) => {
    const reached = attainments.get(target.metric.code);
    const parts = new Map((reached?.children ?? []).map((part) => [part.period, part]));
    return {
      ...target,
      actual: reached?.actual,
      attainment: reached?.attainment,
      light: reached?.light?.toUpperCase(),
      children: (target.children ?? []).map((part) => ({ ...part, ...parts.get(part.period), target: part.target })),
    };
  });
}

const resolvers = {
  Query: {
    rep: (_, { id }, loaders) => loaders.members.load({ id, more: "" }),
    unit: (_, { id }, loaders) => loaders.units.load({ id, more: "" }),
  },
  Unit: {
    reps: async (unit, { first }, loaders) => {
      const staff = await loaders.staff.load({ id: unit.id, more: `&limit=${first}` });
      return staff && { totalCount: staff.total_count, nodes: staff.items };
    },
  },
  Rep: {
    targets: (rep, { period }, loaders) => joined(rep.id, `&period=${period}`, "&children=time", loaders),
    target: async (rep, { period, metric }, loaders) =>
      (await joined(rep.id, `&period=${period}&metric=${metric}`, "", loaders))[0] ?? null,
    funnel: async (rep, { period }, loaders) => {
      const funnel = await loaders.funnels.load({ id: rep.id, more: `&period=${period}` });
      return funnel && { stages: funnel.stages, winRate: funnel.win_rate };
    },
    customerMix: async (rep, _, loaders) => {
      const mix = await loaders.mixes.load({ id: rep.id, more: "" });
      return mix && { byTier: mix.by_tier };
    },
    earnings: async (rep, { period }, loaders) => {
      const pay = await loaders.earnings.load({ id: rep.id, more: `&period=${period}` });
      const money = (amount) => ({ amount, currency: pay.currency });
      return (
        pay && {
          status: pay.status,
          earned: money(pay.earned),
          lines: pay.lines?.map(({ component, amount }) => ({ component, amount: money(amount) })),
        }
      );
    },
  },
};

const app = Fastify();
app.register(mercurius, { schema, resolvers, context, jit: 1 });
await app.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });
