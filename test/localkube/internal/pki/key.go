package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

const (
	certificateBlock = "CERTIFICATE"
	// keyBlock is the only form of an ECDSA private key that kube-apiserver reads as a service account key.
	keyBlock = "EC PRIVATE KEY"
)

// NewKey returns a fresh private key as PEM.
func NewKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return encodeKey(key)
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der}), nil
}

func decodeKey(content []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(content)
	if block == nil || block.Type != keyBlock {
		return nil, fmt.Errorf("no PEM block %q found", keyBlock)
	}
	return x509.ParseECPrivateKey(block.Bytes)
}

func decodeCertificate(content []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(content)
	if block == nil || block.Type != certificateBlock {
		return nil, fmt.Errorf("no PEM block %q found", certificateBlock)
	}
	return x509.ParseCertificate(block.Bytes)
}
