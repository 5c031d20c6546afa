// A GraphQL API that nobody here wrote: GraphQL Yoga. Prints its port; `POST /evolve` changes its schema.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.argv[2], 'node_modules', 'x.js'));
const { createSchema, createYoga } = require('graphql-yoga');

const books = [
  { id: 'b1', title: 'A', tags: ['x', 'y'], price: '12.50' },
  { id: 'b2', title: 'B', tags: [], price: '7' },
];
const resolvers = {
  Query: {
    books: (_, { filter }) => books.filter((book) => !filter?.titles || filter.titles.includes(book.title)),
    whoami: (_, __, context) => context.request.headers.get('x-key'),
    fails: () => {
      throw new Error('no such luck');
    },
  },
  Mutation: {
    addBook: (_, { input }) => {
      const book = { id: `b${books.length + 1}`, tags: [], ...input };
      books.push(book);
      return book;
    },
  },
};
const schema = (query) =>
  createSchema({
    typeDefs: `
      scalar Price
      enum Order { ASC DESC }
      input Filter { titles: [String!]  order: Order = ASC }
      input NewBook { title: String!  price: Price }
      type Book { id: ID!  title: String!  tags: [String!]!  price: Price }
      type Query { ${query} }
      type Mutation { addBook(input: NewBook!): Book! }
    `,
    resolvers,
    resolverValidationOptions: { requireResolversToMatchSchema: 'ignore' },
  });

let current = schema('books(filter: Filter): [Book!]!  whoami: String  fails: Int');
const yoga = createYoga({ schema: () => current, logging: false, graphiql: false, maskedErrors: false });
const server = createServer((request, response) => {
  if (request.url === '/evolve') {
    // `whoami` goes.
    current = schema('books(filter: Filter): [Book!]!  fails: Int');
    response.end();
  } else {
    yoga(request, response);
  }
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
