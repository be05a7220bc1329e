module gagarin.fyodorov.ai/bridge

go 1.26
