module gagarin.fyodorov.ai/bench/proxy

go 1.24
