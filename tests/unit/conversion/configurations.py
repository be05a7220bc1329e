"""Configurations of all the shapes that the original's examples had (`README` and the files beside it)."""

from __future__ import annotations

QUICKSTART = """
version: 0.0.1
providers:
  - name: openai
    api_url: https://api.openai.com/v1
    api_key: sk-test
models:
  - name: chatgpt
    provider: openai
    model_info: {mode: chat, base_model: gpt-3.5-turbo}
agents:
  - name: My Agent
    description: Answers questions
    model: chatgpt
    prompt: You are a helpful assistant.
"""
KEY_FROM_ENVIRONMENT = """
version: 0.0.1
providers:
  - {name: openai, api_url: "https://api.openai.com/v1", api_key: "${OPENAI_API_KEY}"}
models:
  - {name: gpt-4o, provider: openai, base_model: openai/gpt-4o}
agents:
  - {name: My Agent, model: gpt-4o, prompt: "Costs $5, for ${COMPANY}."}
"""
GEMINI = """
version: 0.0.1
providers:
  - name: gemini
    api_url: https://generativelanguage.googleapis.com/v1beta/models/gemini-2.0-flash
    api_key: ${GOOGLE_API_KEY}
models:
  - name: gemini_chat
    provider: gemini
    model_info:
      mode: chat
      base_model: gemini/gemini-2.0-flash
      input_cost_per_token: 0.0000001
      output_cost_per_token: 4e-7
      max_tokens: 8192
agents:
  - {name: Gemini Agent, description: "", model: gemini_chat, prompt: Be brief.}
"""
MINIMAL = """
version: 0.0.1
models:
  - {name: llama, provider: ollama, model_info: {mode: chat, base_model: llama3.2}}
agents:
  - {name: Minimal, description: Small, model: llama, prompt: Be brief., tools: []}
"""
MULTI_PROVIDER = """
version: 0.0.1
providers:
  - {name: openai, api_key: "${OPENAI_API_KEY}"}
  - {name: ollama, api_url: "http://localhost:11434"}
models:
  - name: gpt
    provider: openai
    model_info: {mode: chat, base_model: gpt-4o-mini}
    params: {temperature: 1, top_k: 5}
  - {name: llama, provider: ollama, model_info: {mode: chat, base_model: ollama/llama3.2}}
tools:
  - name: Get Weather
    handle: get_weather
    description: The weather of a city.
    api_url: https://weather.example.com/now
    api_type: rest
    usage_notes: Say “please”.
  - name: Search
    handle: search
    description: Searches.
    api_url: https://search.example.com/
    auth_method: bearer
    auth_info: {token: "${SEARCH_TOKEN}"}
agents:
  - {name: Forecaster, description: Weather, model: gpt, prompt: Tell the weather., tools: [get_weather]}
  - {name: Librarian, description: Books, model: llama, prompt: Find books., tools: [search, get_weather]}
"""
MCP = """
tools:
  - name: Stock Prices
    handle: stocks
    description: Prices of stocks.
    api_url: https://stocks.example.com/query?market=oslo
    auth_method: basic
    auth_info: {username: reader, password: secret}
    public: true
    launch_command: python
    capabilities:
      functions:
        - name: get price
          description: The price of a stock.
          parameters: {type: object, properties: {symbol: {type: string}}, required: [symbol]}
        - name: list
"""
RAG = """
version: 0.0.1
providers: [{name: openai, api_key: key}]
models:
  - {name: embedder, provider: openai, model_info: {mode: embedding, base_model: text-embedding-3-small}}
  - {name: gpt, provider: openai, model_info: {mode: multimodal, base_model: gpt-4o}}
agents:
  - name: Reader
    description: Reads
    model: gpt
    prompt: Read.
    rag:
      - {index: documents, top_k: 3}
      - {type: url, url: "https://docs.example.com/guide.html"}
      - https://docs.example.com/faq.md
      - {host: qdrant, tenant: a, collections: [b]}
"""
WIKI_FORM = """
providers:
  - provider_name: mistral
    description: Fast
    api_url: https://api.mistral.ai/v1
    api_key: key
    models: [small]
agents:
  - name_for_human: Support Bot
    description_for_human: Helps.
    prompt: Help.
    prompt_size: 1000
    provider: mistral
    model: small
    tools: [{tool_id: 7}, {tool_id: 9}]
tools:
  - {id: 7, name: Tickets, description: Tickets, api_url: "https://tickets.example.com/"}
"""
WITH_INSTANCES = """
providers: [{id: 1, name: openai, api_key: key}]
models: [{id: 2, name: gpt, provider: openai, provider_id: 1, base_model: gpt-4o}]
agents:
  - {id: 3, name: One, model: gpt, prompt: One.}
  - {id: 4, name: Two, model: gpt, prompt: Two.}
instances:
  - {id: 5, title: Front desk, agent_id: 3, chat_history: [{role: user, content: Hello}]}
  - {id: 6, title: Back desk, agent_id: 3}
time_of_last_cache_update: 2025-01-01T00:00:00Z
"""
INVALID = """
version: 0.0.1
providers: [{name: openai, colour: blue}]
models: [{name: gpt, provider: openai, base_model: gpt-4o}]
agents: [{name: A, model: gpt, prompt: A., tools: get_weather}]
surprise: true
"""
