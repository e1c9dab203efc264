// Names of modules instead of numbers, which depend on the folder: the build is the same anywhere.
module.exports = { optimization: { moduleIds: 'named', chunkIds: 'named' } };
